"""What the periodic sweep writes: turns that expire while they wait, turns that generate.

``only`` and ``excluded`` name rows: the sweep takes a failed batch apart and leaves out bad rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import BigInteger, Text, Uuid, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.state_machine import turn_before
from bot.domain.turns import TurnStatus

#: Rows that are listed at a time.
BATCH = 500
_CONVERSATIONS = (
    bindparam("only", type_=ARRAY(BigInteger)),
    bindparam("excluded", type_=ARRAY(BigInteger)),
)
_JOBS = (bindparam("only", type_=ARRAY(Uuid)), bindparam("excluded", type_=ARRAY(Uuid)))
_SOURCES = bindparam("sources", turn_before(TurnStatus.GENERATING), type_=ARRAY(Text))

_LATE = """
    status = 'received' AND expires_at <= now() AND conversation_id <> ALL(:excluded)
    AND (:only IS NULL OR conversation_id = ANY(:only))
"""
EXPIRE_WAITING = text(
    f"""
    WITH late AS (
        SELECT conversation_id FROM turns WHERE {_LATE}
    ), held AS (
        SELECT id FROM conversations WHERE id IN (SELECT conversation_id FROM late)
        FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE turns SET status = 'expired', settled_at = now(), failure_reason = 'expired'
    FROM held
    WHERE turns.conversation_id = held.id AND turns.status = 'received'
      AND turns.expires_at <= now()
    RETURNING turns.id
    """
).bindparams(*_CONVERSATIONS)
LATE_CONVERSATIONS = text(
    f"SELECT DISTINCT conversation_id FROM turns WHERE {_LATE} LIMIT :limit"
).bindparams(*_CONVERSATIONS)

#: From the few running jobs to their turns. The expression on the status defeats the partial
#: index, whose statistics lag: else Postgres reads every queued turn.
_CLAIMED = """
    jobs.state = 'running' AND turns.job_id = jobs.id AND turns.status || '' = ANY(:sources)
    AND jobs.id <> ALL(:excluded) AND (:only IS NULL OR jobs.id = ANY(:only))
"""
MARK_GENERATING = text(
    f"""
    UPDATE turns SET status = 'generating', started_at = jobs.started_at
    FROM jobs WHERE {_CLAIMED}
    """
).bindparams(*_JOBS, _SOURCES)
CLAIMED_JOBS = text(f"SELECT jobs.id FROM jobs, turns WHERE {_CLAIMED} LIMIT :limit").bindparams(
    *_JOBS, _SOURCES
)


async def expire_waiting(
    connection: AsyncConnection,
    *,
    only: Sequence[int] | None = None,
    excluded: Sequence[int] = (),
) -> list[UUID]:
    """End turns that never reached the queue and whose answer nobody waits for; their ids.

    Conversations that are being scheduled are left to the next sweep: a turn of theirs may have
    been chosen already, and a job without its turn would be answered to nobody.
    """
    values = {"only": None if only is None else list(only), "excluded": list(excluded)}
    return list((await connection.execute(EXPIRE_WAITING, values)).scalars())


async def late_conversations(
    connection: AsyncConnection, *, excluded: Sequence[int] = ()
) -> list[int]:
    """Conversations that ``expire_waiting`` would touch."""
    values = {"only": None, "excluded": list(excluded), "limit": BATCH}
    return list((await connection.execute(LATE_CONVERSATIONS, values)).scalars())


async def mark_generating(
    connection: AsyncConnection,
    *,
    only: Sequence[UUID] | None = None,
    excluded: Sequence[UUID] = (),
) -> int:
    """Mark turns whose job a worker has claimed as generating; how many were marked."""
    values = {"only": None if only is None else list(only), "excluded": list(excluded)}
    return int((await connection.execute(MARK_GENERATING, values)).rowcount)


async def claimed_jobs(connection: AsyncConnection, *, excluded: Sequence[UUID] = ()) -> list[UUID]:
    """Jobs whose turns ``mark_generating`` would mark."""
    values = {"only": None, "excluded": list(excluded), "limit": BATCH}
    return list((await connection.execute(CLAIMED_JOBS, values)).scalars())
