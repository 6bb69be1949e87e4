"""The waiting turns of conversations, read without a lock together with what their jobs depend on.

``version`` is the row's ``xmin``: each write of the row changes it, a lock alone does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from bot.domain.deliveries import ReplyHandle
from bot.domain.turns import Person, Utterance
from bot.store.conversations import HISTORY_AT, ConversationState
from bot.store.history_cache import mark
from bot.store.reply_handles import load_handle
from runtime.direct import AnyConnection

#: One conversation at a time: the statistics of both partial indexes lag, and a join would
#: compare every waiting turn with every running one. The sum defeats the index of conversations: a
#: plan made for few turns would read a whole one for the turn to go on with.
WAITING = (
    text(
        f"""
        SELECT waiting.*, cut.seq AS cut_seq, cut.settled_at AS cut_at, conversation.*
        FROM unnest(:ids) AS wanted (id) CROSS JOIN LATERAL (
            SELECT room, epoch AS current_epoch, history_seq, {HISTORY_AT} AS history_at,
                xmin AS conversation_version
            FROM conversations WHERE id = wanted.id
            OFFSET 0
        ) AS conversation CROSS JOIN LATERAL (
            SELECT id, conversation_id, seq, epoch, messenger, tenant, sender, reply_handle,
                received_at, expires_at, regenerates, coalesce(prompt, text) AS text,
                jsonb_array_length(media) AS pictures, continues,
                media @> '[{{"beside_text": true}}]' AS pictures_beside_text, xmin AS version
            FROM turns
            WHERE conversation_id = wanted.id AND status = 'received'
            OFFSET 0
        ) AS waiting
        LEFT JOIN LATERAL (
            SELECT seq, settled_at FROM turns
            WHERE id = waiting.continues AND conversation_id + 0 = waiting.conversation_id
              AND reasoning IS NULL
            OFFSET 0
        ) AS cut ON true
        WHERE (
            SELECT true FROM turns
            WHERE conversation_id = wanted.id AND status IN ('queued', 'generating')
            LIMIT 1
        ) IS NULL
        ORDER BY waiting.conversation_id, waiting.seq
        """
    )
    .bindparams(bindparam("ids", type_=ARRAY(BigInteger)))
    .columns(reply_handle=JSONB)
)


class UnreadableTurnError(ValueError):
    """A stored turn whose reply handle cannot be read back."""

    def __init__(self, turn_id: UUID) -> None:
        super().__init__("the reply handle cannot be read")
        self.turn_id = turn_id


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingTurn:
    """A received turn that is not queued yet."""

    id: UUID
    conversation_id: int
    version: int  #: of its row
    seq: int
    epoch: int
    person: Person
    text: str  #: what the model reads
    pictures: int = 0  #: their number; they are in ``turn_pictures``
    pictures_beside_text: bool = False  #: they came with ``text``, which else stands for them
    regenerates: UUID | None  #: the turn whose question it asks again
    #: The mark of the answer that it goes on with; "" for none, or one that was thought out first:
    #: after it the model would have to think again.
    continues: str = ""
    reply_handle: ReplyHandle
    received_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingConversation:
    """A conversation without a running turn, and its waiting turns, oldest first."""

    state: ConversationState
    turns: Sequence[WaitingTurn]


def only_turn(
    utterance: Utterance, state: ConversationState, *, turn_id: UUID, seq: int
) -> WaitingConversation:
    """The conversation whose only waiting turn is the utterance, which needs no other turn.

    One transaction wrote both: the conversation's version is the turn's, too.
    """
    turn = WaitingTurn(
        id=turn_id,
        conversation_id=state.id,
        version=state.version,
        seq=seq,
        epoch=state.epoch,
        person=utterance.person,
        text=utterance.text if utterance.prompt is None else utterance.prompt,
        regenerates=None,
        reply_handle=utterance.reply,
        received_at=utterance.received_at,
        expires_at=utterance.reply.expires_at,
    )
    return WaitingConversation(state=state, turns=[turn])


async def waiting_conversations(
    connection: AnyConnection, ids: Iterable[int]
) -> list[WaitingConversation]:
    """Those of the conversations that have a waiting turn and no running one, as of one moment.

    Raises UnreadableTurnError for a turn whose reply handle cannot be read.
    """
    rows = await connection.execute(WAITING, {"ids": list(ids)})
    by_conversation = groupby(rows, attrgetter("conversation_id"))
    return [_waiting_conversation(list(waiting)) for _, waiting in by_conversation]


def _waiting_conversation(rows: Sequence[Any]) -> WaitingConversation:
    row = rows[0]
    state = ConversationState(
        id=row.conversation_id,
        version=row.conversation_version,
        messenger=row.messenger,
        tenant=row.tenant,
        room=row.room,
        epoch=row.current_epoch,
        history_seq=row.history_seq,
        history_at=row.history_at,
    )
    return WaitingConversation(state=state, turns=[_waiting_turn(row) for row in rows])


def _waiting_turn(row: Any) -> WaitingTurn:
    try:
        reply_handle = load_handle(row.reply_handle)
    except (LookupError, TypeError, ValueError) as error:
        raise UnreadableTurnError(row.id) from error
    return WaitingTurn(
        id=row.id,
        conversation_id=row.conversation_id,
        version=row.version,
        seq=row.seq,
        epoch=row.epoch,
        person=Person(messenger=row.messenger, tenant=row.tenant, sender=row.sender),
        text=row.text,
        pictures=row.pictures,
        pictures_beside_text=row.pictures_beside_text,
        regenerates=row.regenerates,
        continues=mark(row.cut_seq or 0, row.cut_at),
        reply_handle=reply_handle,
        received_at=row.received_at,
        expires_at=row.expires_at,
    )
