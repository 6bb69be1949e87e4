"""The reaper of the background lane: jobs of dead workers run again, three times at most."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import Float, Integer, Text, Uuid, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY

from inference_queue.background.wire import dump_background_result
from inference_queue.protocol import Failure, FailureReason
from inference_queue.reaper import BATCH, MAX_ATTEMPTS, RESTART_GRACE_S
from runtime.direct import AnyConnection

log = structlog.get_logger(__name__)

#: Results that nobody has taken by then belong to a batch without an owner.
KEPT_S = 7 * 86_400.0

_STUCK = """
    state = 'running' AND lease_until < now()
      AND (started_at > pg_postmaster_start_time()
           OR now() > pg_postmaster_start_time() + make_interval(secs => :grace_s))
      AND (CAST(:only AS uuid[]) IS NULL OR id = ANY(:only)) AND id <> ALL(:excluded)
"""
_CHOICE = (
    bindparam("limit", type_=Integer),
    bindparam("grace_s", type_=Float),
    bindparam("only", type_=ARRAY(Uuid)),
    bindparam("excluded", type_=ARRAY(Uuid)),
)
_REAPABLE = text(f"SELECT id FROM background_jobs WHERE {_STUCK} LIMIT :limit").bindparams(*_CHOICE)
_REAP = text(
    f"""
    WITH stuck AS (
        SELECT id, attempt >= :max_attempts AS exhausted FROM background_jobs
        WHERE {_STUCK}
        FOR UPDATE SKIP LOCKED
        LIMIT :limit
    )
    UPDATE background_jobs
    SET state = CASE WHEN exhausted THEN 'finished' ELSE 'queued' END,
        result = CASE WHEN exhausted THEN CAST(:failure AS jsonb) END,
        finished_at = CASE WHEN exhausted THEN now() END,
        lease_until = NULL, run_after = now()
    FROM stuck WHERE background_jobs.id = stuck.id
    RETURNING background_jobs.id
    """
).bindparams(
    *_CHOICE,
    bindparam("max_attempts", type_=Integer),
    bindparam("failure", type_=Text),
)
_FORGET = text(
    """
    DELETE FROM background_jobs WHERE id = ANY(ARRAY(
        SELECT id FROM background_jobs
        WHERE state = 'finished' AND finished_at < now() - make_interval(secs => :kept_s)
        LIMIT :limit
        FOR UPDATE SKIP LOCKED
    ))
    RETURNING id
    """
).bindparams(bindparam("kept_s", type_=Float), bindparam("limit", type_=Integer))


async def reap_background(
    connection: AnyConnection,
    *,
    only: Sequence[UUID] | None = None,
    excluded: Sequence[UUID] = (),
) -> int:
    """Requeue the background jobs of dead workers, or end those tried too often; their number.

    A row that Postgres refuses fails the whole call: see ``reapable_background``.
    """
    message = f"{MAX_ATTEMPTS} workers died on this job"
    failure = Failure(reason=FailureReason.ATTEMPTS_EXHAUSTED, message=message)
    values = _choice(only, excluded) | {
        "max_attempts": MAX_ATTEMPTS,
        "failure": json.dumps(dump_background_result(failure)),
    }
    reaped = len((await connection.execute(_REAP, values)).all())
    if reaped:
        log.info("background_reaped", jobs=reaped)
    return reaped


async def reapable_background(
    connection: AnyConnection, *, excluded: Sequence[UUID] = ()
) -> list[UUID]:
    """The jobs that would be reaped now, for a retry one by one after a fault."""
    return list(await connection.scalars(_REAPABLE, _choice(None, excluded)))


async def forget_results(connection: AnyConnection, *, kept_s: float = KEPT_S) -> int:
    """Delete results that nobody took within ``kept_s``; their number."""
    return len((await connection.execute(_FORGET, {"kept_s": kept_s, "limit": BATCH})).all())


def _choice(only: Sequence[UUID] | None, excluded: Sequence[UUID]) -> dict[str, Any]:
    return {
        "grace_s": RESTART_GRACE_S,
        "limit": BATCH,
        "only": None if only is None else list(only),
        "excluded": list(excluded),
    }
