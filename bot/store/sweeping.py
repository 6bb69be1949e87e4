"""The sweep's statements: expiry of waiting turns, marks on generating ones.

``only`` and ``excluded`` select rows: the sweep splits a failed batch and excludes bad rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import BigInteger, Text, Uuid, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY

from bot.domain.state_machine import turn_before
from bot.domain.turns import TurnStatus
from runtime.database import LAZY_COMMIT_SQL
from runtime.direct import AnyConnection

#: The maximum of rows listed at a time.
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

#: Starts at the few running jobs. The expression on the status defeats the partial index, whose
#: statistics lag: otherwise Postgres reads every queued turn.
_CLAIMED = """
    jobs.state = 'running' AND turns.job_id = jobs.id AND turns.status || '' = ANY(:sources)
    AND jobs.id <> ALL(:excluded) AND (:only IS NULL OR jobs.id = ANY(:only))
"""
#: A mark that Postgres loses is made again.
MARK_GENERATING = text(
    f"""
    UPDATE turns SET status = 'generating', started_at = jobs.started_at
    FROM jobs WHERE {_CLAIMED}
    RETURNING turns.id, {LAZY_COMMIT_SQL}
    """
).bindparams(*_JOBS, _SOURCES)
CLAIMED_JOBS = text(f"SELECT jobs.id FROM jobs, turns WHERE {_CLAIMED} LIMIT :limit").bindparams(
    *_JOBS, _SOURCES
)


async def expire_waiting(
    connection: AnyConnection,
    *,
    only: Sequence[int] | None = None,
    excluded: Sequence[int] = (),
) -> list[UUID]:
    """Expire overdue turns that never reached the queue; their ids.

    Conversations that are being scheduled are left to the next sweep: their turn may have been
    chosen already, and the answer of a job without its turn would be lost.
    """
    values = {"only": None if only is None else list(only), "excluded": list(excluded)}
    return list((await connection.execute(EXPIRE_WAITING, values)).scalars())


async def late_conversations(
    connection: AnyConnection, *, excluded: Sequence[int] = ()
) -> list[int]:
    """The conversations in which ``expire_waiting`` would expire turns."""
    values = {"only": None, "excluded": list(excluded), "limit": BATCH}
    return list((await connection.execute(LATE_CONVERSATIONS, values)).scalars())


async def mark_generating(
    connection: AnyConnection,
    *,
    only: Sequence[UUID] | None = None,
    excluded: Sequence[UUID] = (),
) -> int:
    """Mark the turns of claimed jobs as generating; their number."""
    values = {"only": None if only is None else list(only), "excluded": list(excluded)}
    return len((await connection.execute(MARK_GENERATING, values)).all())


async def claimed_jobs(connection: AnyConnection, *, excluded: Sequence[UUID] = ()) -> list[UUID]:
    """The jobs whose turns ``mark_generating`` would mark."""
    values = {"only": None, "excluded": list(excluded), "limit": BATCH}
    return list((await connection.execute(CLAIMED_JOBS, values)).scalars())
