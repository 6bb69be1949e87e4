"""The accept: utterances stored in Postgres, each once, in one statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import orjson
from sqlalchemy import Text, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.exc import NoResultFound
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.turns import Utterance
from bot.store import recent_events
from bot.store.reply_handles import dump_handle, stamp
from bot.store.search import grams

_KEYS = ("messengers", "tenants", "event_keys")
#: The accept: conversations, turns and deliveries in one committed statement, at most one turn of
#: a conversation. The seq is taken under the conversation's row lock, and locks are always taken in
#: the same order. A repeated event changes nothing and returns nothing.
ACCEPT = text(
    """
    WITH utterance AS (
        SELECT * FROM json_to_recordset(CAST(:utterances AS json)) AS utterance (
            id uuid, messenger text, tenant text, key text, event_key text, sender text,
            text text, media jsonb, reply_handle jsonb, grams text[], via text,
            received_at timestamptz, not_before timestamptz, callback_until timestamptz,
            expires_at timestamptz
        )
        -- A scalar subquery, so that a plan made for a small table uses the index too.
        WHERE (
            SELECT true FROM turns
            WHERE turns.messenger = utterance.messenger AND turns.tenant = utterance.tenant
              AND turns.event_key = utterance.event_key
            LIMIT 1
        ) IS NULL
    ), conversation AS (
        INSERT INTO conversations (messenger, tenant, key)
        SELECT messenger, tenant, key FROM utterance ORDER BY messenger, tenant, key
        ON CONFLICT (messenger, tenant, key)
        DO UPDATE SET last_seq = conversations.last_seq + 1, updated_at = now()
        RETURNING id, messenger, tenant, key, epoch, last_seq
    ), turn AS (
        INSERT INTO turns (id, conversation_id, seq, epoch, messenger, tenant, event_key, sender,
                           text, media, reply_handle, expires_at, grams, received_at)
        SELECT utterance.id, conversation.id, last_seq, epoch, messenger, tenant, event_key, sender,
               text, media, reply_handle, expires_at, grams, received_at
        FROM utterance JOIN conversation USING (messenger, tenant, key)
        ON CONFLICT (messenger, tenant, event_key) DO NOTHING
        RETURNING id, conversation_id, seq
    ), delivery AS (
        INSERT INTO deliveries
            (turn_id, messenger, via, state, not_before, callback_until, expires_at)
        SELECT id, messenger, via, CASE via WHEN 'held' THEN 'held' ELSE 'pending' END,
               not_before, callback_until, expires_at
        FROM turn JOIN utterance USING (id)
    )
    SELECT id, conversation_id, seq FROM turn
    """
).bindparams(bindparam("utterances", type_=Text))

#: The turns of repeated events, all in one statement.
KNOWN = text(
    """
    SELECT wanted.number, known.id, known.conversation_id, known.seq
    FROM unnest(:messengers, :tenants, :event_keys)
        WITH ORDINALITY AS wanted (messenger, tenant, event_key, number)
    CROSS JOIN LATERAL (
        SELECT id, conversation_id, seq FROM turns
        WHERE turns.messenger = wanted.messenger AND turns.tenant = wanted.tenant
          AND turns.event_key = wanted.event_key
        LIMIT 1
    ) AS known
    ORDER BY wanted.number
    """
).bindparams(*(bindparam(name, type_=ARRAY(Text)) for name in _KEYS))


@dataclass(frozen=True, slots=True)
class Accepted:
    """A turn in the log. ``new`` is False for a repeated event."""

    turn_id: UUID
    conversation_id: int
    seq: int
    new: bool


async def accept(connection: AsyncConnection, utterances: Sequence[Utterance]) -> list[Accepted]:
    """Store each utterance as a turn, once per event key; the commit is the caller's.

    At most one utterance per conversation.
    """
    utterances = await recent_events.named(connection, utterances)
    ids = [uuid4() for _ in utterances]
    values = [_accept_values(*pair) for pair in zip(ids, utterances, strict=True)]
    payload = orjson.dumps(values).decode()
    new = {row.id: row for row in await connection.execute(ACCEPT, {"utterances": payload})}
    pairs = list(zip(ids, utterances, strict=True))
    repeated = [utterance for turn_id, utterance in pairs if turn_id not in new]
    known = iter(await _known(connection, repeated) if repeated else ())
    return [
        Accepted(turn_id, new[turn_id].conversation_id, new[turn_id].seq, new=True)
        if turn_id in new
        else next(known)
        for turn_id in ids
    ]


async def _known(connection: AsyncConnection, repeated: Sequence[Utterance]) -> list[Accepted]:
    """The turns of repeated events, in their order. Raises NoResultFound."""
    values = {
        "messengers": [utterance.messenger for utterance in repeated],
        "tenants": [utterance.tenant for utterance in repeated],
        "event_keys": [utterance.event_key for utterance in repeated],
    }
    rows = (await connection.execute(KNOWN, values)).all()
    # A turn was deleted in between: the batch is split, and its event accepted anew.
    if len(rows) != len(repeated):
        raise NoResultFound("an event that was accepted before is gone")
    return [Accepted(row.id, row.conversation_id, row.seq, new=False) for row in rows]


def _accept_values(turn_id: UUID, utterance: Utterance) -> dict[str, Any]:
    reply = utterance.reply
    return {
        "id": str(turn_id),
        "messenger": utterance.messenger,
        "tenant": utterance.tenant,
        "key": utterance.conversation_key,
        "event_key": utterance.event_key,
        "sender": utterance.sender,
        "text": utterance.text,
        "media": utterance.media,
        "reply_handle": dump_handle(reply),
        "grams": grams(utterance.text),
        "received_at": stamp(utterance.received_at),
        "via": reply.via.value,
        "not_before": stamp(reply.sync_until or utterance.received_at),
        "callback_until": stamp(reply.callback_until),
        "expires_at": stamp(reply.expires_at),
    }
