"""The scheduler's statements on waiting turns: find, merge, queue, fail."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Text, Uuid, bindparam, cast, column, func, text, update
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.deliveries import ReplyHandle
from bot.domain.state_machine import turn_before
from bot.domain.turns import STORAGE_FAULT, Person, TurnStatus
from bot.store.history_cache import mark
from bot.store.reply_handles import load_handle
from bot.store.schema import turns
from runtime.database import any_of
from runtime.direct import AnyConnection

#: One conversation at a time: the statistics of both partial indexes lag, and a join would
#: compare every waiting turn with every running one. The sum defeats the index of conversations: a
#: plan made for few turns would read a whole one for the turn to go on with.
WAITING = (
    text(
        """
        SELECT waiting.*, cut.seq AS cut_seq, cut.settled_at AS cut_at
        FROM unnest(:ids) AS wanted (id) CROSS JOIN LATERAL (
            SELECT id, conversation_id, seq, epoch, messenger, tenant, sender, reply_handle,
                received_at, expires_at, regenerates, coalesce(prompt, text) AS text,
                jsonb_array_length(media) AS pictures, continues,
                media @> '[{"beside_text": true}]' AS pictures_beside_text
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
_job = (
    func.unnest(
        bindparam("jobs", type_=ARRAY(Uuid)),
        bindparam("turns", type_=ARRAY(Uuid)),
        bindparam("presets", type_=ARRAY(Text)),
        bindparam("versions", type_=ARRAY(BigInteger)),
        bindparam("settings", type_=ARRAY(Uuid)),
        bindparam("histories", type_=ARRAY(Text)),
    )
    .table_valued(
        column("id", Uuid),
        column("turn_id", Uuid),
        column("preset", Text),
        column("config_version", BigInteger),
        column("settings", Uuid),
        # An array of arrays of different lengths is none: each is written as text.
        column("history", Text),
    )
    .render_derived("job")
)
QUEUE = (
    update(turns)
    .where(
        turns.c.id == _job.c.turn_id, turns.c.status == any_of(turn_before(TurnStatus.QUEUED), Text)
    )
    .values(
        status=TurnStatus.QUEUED.value,
        job_id=_job.c.id,
        preset=_job.c.preset,
        config_version=_job.c.config_version,
        prompt_settings=_job.c.settings,
        history_seqs=cast(_job.c.history, ARRAY(BigInteger)),
        queued_at=func.now(),
    )
)
MERGE = (
    update(turns)
    .where(
        turns.c.id == func.any(bindparam("earlier", type_=ARRAY(Uuid))),
        turns.c.status == any_of(turn_before(TurnStatus.MERGED), Text),
    )
    .values(
        status=TurnStatus.MERGED.value,
        merged_into=bindparam("later", type_=Uuid),
        settled_at=func.now(),
    )
)
KEEP_PROMPT = text("UPDATE turns SET prompt = :prompt WHERE id = :turn_id")
#: Conversations with a waiting turn and no running one, as a crash leaves them behind.
LEFT_BEHIND = text(
    """
    SELECT DISTINCT conversation_id FROM turns AS waiting
    WHERE status = 'received' AND conversation_id <> ALL(:excluded) AND (
        SELECT true FROM turns AS running
        WHERE running.conversation_id = waiting.conversation_id
          AND running.status IN ('queued', 'generating')
        LIMIT 1
    ) IS NULL
    LIMIT :limit
    """
).bindparams(bindparam("excluded", type_=ARRAY(BigInteger)))
#: Waits for the conversation's lock, like every step out of ``received``: a turn that was being
#: scheduled is queued by then, and stays as it is.
FAIL_WAITING = text(
    """
    WITH held AS (
        SELECT id FROM conversations WHERE id = :conversation_id FOR NO KEY UPDATE
    )
    UPDATE turns
    SET status = 'failed', settled_at = now(), failure_reason = :reason, failure_message = :message
    FROM held
    WHERE turns.conversation_id = held.id AND turns.status = 'received'
      AND turns.id = coalesce(:turn_id, (
        SELECT id FROM turns AS oldest
        WHERE oldest.conversation_id = :conversation_id AND oldest.status = 'received'
        ORDER BY oldest.seq LIMIT 1
      ))
    RETURNING turns.id, turns.messenger
    """
).bindparams(
    bindparam("conversation_id", type_=BigInteger),
    bindparam("turn_id", type_=Uuid),
    bindparam("reason", STORAGE_FAULT),
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
class QueuedTurn:
    """A turn that becomes a job, and what the job was made with."""

    turn_id: UUID
    job_id: UUID
    preset: str
    config_version: int | None = None  #: of the settings in the database; None: none are set
    prompt_settings: UUID | None = None  #: the record of the prompt's other settings
    history: tuple[int, ...] = ()  #: the seqs of the answered turns in the prompt, oldest first


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedTurn:
    """A turn that ended without a result."""

    id: UUID
    messenger: str


async def waiting_turns(connection: AnyConnection, ids: Iterable[int]) -> list[list[WaitingTurn]]:
    """The waiting turns of each conversation without a running one, oldest first.

    Raises UnreadableTurnError for a turn whose reply handle cannot be read.
    """
    rows = await connection.execute(WAITING, {"ids": list(ids)})
    by_conversation = groupby(map(_waiting_turn, rows), attrgetter("conversation_id"))
    return [list(waiting) for _, waiting in by_conversation]


def _waiting_turn(row: Any) -> WaitingTurn:
    try:
        reply_handle = load_handle(row.reply_handle)
    except (LookupError, TypeError, ValueError) as error:
        raise UnreadableTurnError(row.id) from error
    return WaitingTurn(
        id=row.id,
        conversation_id=row.conversation_id,
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


async def merge(connection: AnyConnection, earlier: Sequence[UUID], into: UUID) -> None:
    """Settle turns as merged into a later one."""
    await connection.execute(MERGE, {"earlier": list(earlier), "later": into})


async def keep_prompt(connection: AnyConnection, turn_id: UUID, prompt: str) -> None:
    """Store the prompt of a turn whose prompt is longer than its text."""
    await connection.execute(KEEP_PROMPT, {"turn_id": turn_id, "prompt": prompt})


async def queue_turns(connection: AnyConnection, queued: Sequence[QueuedTurn]) -> None:
    """Mark turns as queued."""
    values = {
        "jobs": [turn.job_id for turn in queued],
        "turns": [turn.turn_id for turn in queued],
        "presets": [turn.preset for turn in queued],
        "versions": [turn.config_version for turn in queued],
        "settings": [turn.prompt_settings for turn in queued],
        "histories": [f"{{{','.join(map(str, turn.history))}}}" for turn in queued],
    }
    await connection.execute(QUEUE, values)


async def waiting_conversations(
    connection: AnyConnection, limit: int, *, excluded: Iterable[int] = ()
) -> Sequence[int]:
    """Conversations with a waiting turn and no running one, without ``excluded``."""
    values = {"limit": limit, "excluded": list(excluded)}
    return list((await connection.execute(LEFT_BEHIND, values)).scalars())


async def fail_waiting(
    connection: AsyncConnection,
    conversation_id: int,
    *,
    turn_id: UUID | None = None,
    message: str,
) -> EndedTurn | None:
    """Fail the turn, or the conversation's oldest waiting one; None: there is none waiting.

    ``message`` is for the operator and holds no value of a row.
    """
    values = {
        "conversation_id": conversation_id,
        "turn_id": turn_id,
        "message": message[:500],
    }
    row = (await connection.execute(FAIL_WAITING, values)).one_or_none()
    return EndedTurn(id=row.id, messenger=row.messenger) if row else None
