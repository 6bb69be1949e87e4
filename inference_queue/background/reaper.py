"""The reaper of the background lane: jobs of dead workers run again, three times at most."""

from __future__ import annotations

import json

from sqlalchemy import Float, Integer, Text, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from inference_queue.background.wire import dump_background_result
from inference_queue.protocol import Failure, FailureReason
from inference_queue.reaper import BATCH, MAX_ATTEMPTS, RESTART_GRACE_S

#: Results that nobody has taken by then belong to a batch without an owner.
KEPT_S = 7 * 86_400.0

_REAP = text(
    """
    WITH stuck AS (
        SELECT id, attempt >= :max_attempts AS exhausted FROM background_jobs
        WHERE state = 'running' AND lease_until < now()
          AND (started_at > pg_postmaster_start_time()
               OR now() > pg_postmaster_start_time() + make_interval(secs => :grace_s))
        FOR UPDATE SKIP LOCKED
        LIMIT :limit
    )
    UPDATE background_jobs
    SET state = CASE WHEN exhausted THEN 'finished' ELSE 'queued' END,
        result = CASE WHEN exhausted THEN CAST(:failure AS jsonb) END,
        finished_at = CASE WHEN exhausted THEN now() END,
        lease_until = NULL, run_after = now()
    FROM stuck WHERE background_jobs.id = stuck.id
    """
).bindparams(
    bindparam("max_attempts", type_=Integer),
    bindparam("limit", type_=Integer),
    bindparam("grace_s", type_=Float),
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
    """
).bindparams(bindparam("kept_s", type_=Float), bindparam("limit", type_=Integer))


async def reap_background(connection: AsyncConnection) -> int:
    """Requeue the background jobs of dead workers, or end those tried too often; their number."""
    message = f"{MAX_ATTEMPTS} workers died on this job"
    failure = Failure(reason=FailureReason.ATTEMPTS_EXHAUSTED, message=message)
    values = {
        "max_attempts": MAX_ATTEMPTS,
        "grace_s": RESTART_GRACE_S,
        "limit": BATCH,
        "failure": json.dumps(dump_background_result(failure)),
    }
    return (await connection.execute(_REAP, values)).rowcount


async def forget_results(connection: AsyncConnection, *, kept_s: float = KEPT_S) -> int:
    """Delete results that nobody took within ``kept_s``; their number."""
    return (await connection.execute(_FORGET, {"kept_s": kept_s, "limit": BATCH})).rowcount
