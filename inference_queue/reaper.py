"""The reaper: jobs of dead workers, and jobs nobody will answer any more."""

from __future__ import annotations

import json

from sqlalchemy import (
    bindparam,
    text,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from inference_queue.client import log
from inference_queue.protocol import (
    Failure,
    FailureReason,
    dump_result,
)

#: A job whose worker died this often is not tried again.
MAX_ATTEMPTS = 3

#: A lease that ran out while Postgres was away proves nothing: so long after its return its holder
#: may still renew it.
RESTART_GRACE_S = 5.0

REAP = text(
    """
    WITH stuck AS (
        SELECT id,
            CASE WHEN cancel_requested THEN CAST(:cancelled AS jsonb)
                 WHEN deadline <= now() THEN CAST(:expired AS jsonb)
                 WHEN state = 'running' AND attempt >= :max_attempts
                 THEN CAST(:exhausted AS jsonb) END AS result
        FROM jobs
        WHERE (state = 'running' AND lease_until < now()
               AND (started_at > pg_postmaster_start_time()
                    OR now() > pg_postmaster_start_time() + make_interval(secs => :grace_s)))
           OR (state = 'queued' AND (deadline <= now() OR cancel_requested))
        FOR UPDATE SKIP LOCKED
        LIMIT 500
    )
    UPDATE jobs
    SET state = CASE WHEN stuck.result IS NULL THEN 'queued' ELSE 'finished' END,
        result = stuck.result, lease_until = NULL, run_after = now(),
        finished_at = CASE WHEN stuck.result IS NULL THEN NULL ELSE now() END
    FROM stuck WHERE jobs.id = stuck.id
    RETURNING jobs.id, jobs.state
    """
)


async def reap(connection: AsyncConnection) -> int:
    """Give the jobs of dead workers back, and end what is cancelled, too late or tried too often.

    The number of jobs changed. Bots and workers both call it: whoever is alive.
    """
    rows = await connection.execute(
        REAP.bindparams(bindparam("max_attempts", MAX_ATTEMPTS)),
        {
            "grace_s": RESTART_GRACE_S,
            "cancelled": _failure_json(FailureReason.CANCELLED, "cancelled on request"),
            "expired": _failure_json(FailureReason.EXPIRED, "the deadline passed"),
            "exhausted": _failure_json(
                FailureReason.ATTEMPTS_EXHAUSTED, f"{MAX_ATTEMPTS} workers died on this job"
            ),
        },
    )
    changed = rows.all()
    for row in changed:
        log.info("job_reaped", job_id=str(row.id), state=row.state)
    return len(changed)


def _failure_json(reason: FailureReason, message: str) -> str:
    return json.dumps(dump_result(Failure(reason=reason, message=message)))
