"""Statements of the indexer: queued turns, turns of an older log, and their entries.

One bot indexes at a time, under an advisory lock, so that no entry is overwritten by an older one.
All is repeated after a crash, so transactions commit lazily.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import BigInteger, DateTime, Text, Uuid, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY

from bot.store.locks import OneBot
from bot.store.search.keys import segment_keys
from bot.store.search.segments import Segment, segment_of
from runtime.database import LAZY_COMMIT_SQL
from runtime.direct import AnyConnection

#: Turns indexed in one transaction.
BATCH = 200
#: By then the usual delivery is over, and a turn is indexed once. Searches read the queue too.
REST_S = 2.0

_LOCK = f"pg_try_advisory_xact_lock({OneBot.SEARCH_INDEX})"
_TRY_LOCK = text(f"SELECT {_LOCK}, {LAZY_COMMIT_SQL}")

#: No rows while another bot indexes. In a subquery the lock is tried once, before any row is read.
QUEUED = text(
    f"""
    SELECT id, turn_id FROM search_queue
    WHERE (SELECT {_LOCK}) AND queued_at < now() - interval '{REST_S} seconds'
    ORDER BY id LIMIT {BATCH}
    """
)

#: Of an older log: the newest first.
MISSING = text(
    f"""
    SELECT id FROM turns
    WHERE received_at >= :starts_at AND received_at < :ends_at
      AND status NOT IN ('received', 'queued', 'generating')
      AND NOT EXISTS (SELECT FROM search_entries WHERE turn_id = turns.id)
    ORDER BY received_at DESC LIMIT {BATCH}
    """
).bindparams(*(bindparam(name, type_=DateTime(timezone=True)) for name in ("starts_at", "ends_at")))

MARK_INDEXED = text(
    "UPDATE search_segments SET indexed = true WHERE starts_at = :starts_at"
).bindparams(bindparam("starts_at", type_=DateTime(timezone=True)))

#: Locked against their erasure; those that are being erased are left out.
READ = text(
    """
    SELECT turns.id, turns.received_at, turns.text, turns.answer, turns.messenger, turns.tenant,
        turns.sender, conversations.room, conversations.key AS conversation_key, turns.status,
        turns.preset, turns.model, turns.finish_reason, turns.failure_reason,
        turns.config_version, turns.prompt_tokens, turns.completion_tokens,
        CAST(extract(epoch FROM turns.settled_at - turns.received_at) * 1000 AS float8)
            AS latency_ms,
        deliveries.state AS delivery_state,
        array(SELECT DISTINCT vote FROM feedback WHERE feedback.turn_id = turns.id) AS votes
    FROM turns
    JOIN conversations ON conversations.id = turns.conversation_id
    LEFT JOIN deliveries ON deliveries.turn_id = turns.id
    WHERE turns.id = ANY(:ids) AND turns.status NOT IN ('received', 'queued', 'generating')
    FOR KEY SHARE OF turns SKIP LOCKED
    """
).bindparams(bindparam("ids", type_=ARRAY(Uuid)))

WRITE = text(
    """
    WITH entry AS (
        INSERT INTO search_entries (turn_id, received_at, keys)
        SELECT turn_id, received_at, keys
        FROM json_to_recordset(CAST(:entries AS json)) AS entry (
            turn_id uuid, received_at timestamptz, keys int[]
        )
        ON CONFLICT (turn_id) DO UPDATE SET keys = excluded.keys
        RETURNING turn_id, received_at, xmax = 0 AS new
    )
    UPDATE search_segments SET turns = search_segments.turns + added.turns
    FROM (
        SELECT segment.starts_at, count(*) AS turns
        FROM entry CROSS JOIN LATERAL (
            SELECT starts_at FROM search_segments WHERE starts_at <= entry.received_at
            ORDER BY starts_at DESC LIMIT 1
        ) AS segment
        WHERE new GROUP BY 1
    ) AS added
    WHERE search_segments.starts_at = added.starts_at
    """
).bindparams(bindparam("entries", type_=Text))

#: In the index without any key: no search by words or fields finds the turn.
LEAVE_OUT = text(
    """
    INSERT INTO search_entries (turn_id, received_at, keys)
    SELECT id, received_at, '{}' FROM turns WHERE id = :id
    ON CONFLICT (turn_id) DO UPDATE SET keys = excluded.keys
    """
).bindparams(bindparam("id", type_=Uuid))

#: A turn that is being erased stays in the queue until it is gone: the erasure may be rolled back.
FORGET = text(
    """
    DELETE FROM search_queue WHERE id = ANY(:ids) AND (
        turn_id = ANY(:read) OR NOT EXISTS (
            SELECT FROM turns WHERE turns.id = search_queue.turn_id
              AND status NOT IN ('received', 'queued', 'generating')
        )
    )
    """
).bindparams(bindparam("ids", type_=ARRAY(BigInteger)), bindparam("read", type_=ARRAY(Uuid)))


@dataclass(frozen=True, slots=True, kw_only=True)
class SettledText:
    """A settled turn, with everything that a search may ask for."""

    id: UUID
    received_at: datetime
    text: str
    answer: str | None
    messenger: str
    tenant: str
    sender: str
    room: str
    conversation_key: str
    status: str
    preset: str | None
    model: str | None
    finish_reason: str | None
    failure_reason: str | None
    config_version: int | None
    prompt_tokens: int | None
    completion_tokens: int | None
    latency_ms: float | None  #: from the receipt until the answer
    delivery_state: str | None
    votes: Sequence[str]


async def try_lock(connection: AnyConnection) -> bool:
    """Become the one indexer until the transaction ends; False: another bot is."""
    return bool(await connection.scalar(_TRY_LOCK))


async def queued(connection: AnyConnection) -> dict[int, UUID]:
    """Turns that have rested in the queue, by the number of their place in it.

    Empty, too, while another bot indexes. The indexer's lock is held until the transaction ends.
    """
    return {row.id: row.turn_id for row in await connection.execute(QUEUED)}


async def missing(connection: AnyConnection, segment: Segment) -> list[UUID]:
    """Settled turns of the segment that are not indexed, at most ``BATCH``."""
    values = {"starts_at": segment.starts_at, "ends_at": segment.ends_at}
    return list((await connection.execute(MISSING, values)).scalars())


async def mark_indexed(connection: AnyConnection, segment: Segment) -> None:
    """Note that nothing is missing in the segment."""
    await connection.execute(MARK_INDEXED, {"starts_at": segment.starts_at})


async def read_settled(connection: AnyConnection, ids: Sequence[UUID]) -> list[SettledText]:
    """Those of the turns that are settled and not being erased."""
    rows = await connection.execute(READ, {"ids": list(ids)})
    return [SettledText(**row._asdict()) for row in rows]


async def write_entries(
    connection: AnyConnection,
    segments: Sequence[Segment],
    hashes: Mapping[tuple[UUID, datetime], Sequence[int]],
) -> None:
    """Write the entries of turns, by their id and receipt."""
    entries: list[dict[str, Any]] = [
        {
            "turn_id": str(turn_id),
            "received_at": received_at.isoformat(),
            "keys": segment_keys(segment_of(segments, received_at).number, values),
        }
        for (turn_id, received_at), values in hashes.items()
    ]
    await connection.execute(WRITE, {"entries": orjson.dumps(entries).decode()})


async def leave_out(connection: AnyConnection, turn_id: UUID) -> None:
    """Give up on a turn whose entry Postgres refuses."""
    await connection.execute(LEAVE_OUT, {"id": turn_id})


async def forget_queued(
    connection: AnyConnection, numbers: Sequence[int], read: Sequence[UUID]
) -> None:
    """Take the turns that were read, or are gone, out of the queue."""
    await connection.execute(FORGET, {"ids": list(numbers), "read": list(read)})
