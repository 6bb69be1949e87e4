"""The reaper: requeues jobs of dead workers, and ends cancelled, expired or exhausted jobs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from uuid import UUID

import structlog
from sqlalchemy import text

from inference_queue.claim_order import set_apart
from inference_queue.protocol import CANCELLED, Failure, FailureReason
from inference_queue.wire import dump_result
from runtime.direct import AnyConnection

log = structlog.get_logger(__name__)

#: The maximum of attempts at a job whose workers died.
MAX_ATTEMPTS = 3

#: The maximum of rows per statement.
BATCH = 500

#: A lease that expired during an outage of Postgres may have a living holder: it can still be
#: renewed for this long after the restart.
RESTART_GRACE_S = 5.0

_REAPABLE = """
    ((state = 'running' AND lease_until < now()
      AND (started_at > pg_postmaster_start_time()
           OR now() > pg_postmaster_start_time() + make_interval(secs => :grace_s)))
     OR (state = 'queued' AND (deadline <= now() OR cancel_requested)))
    AND id <> ALL(CAST(:excluded AS uuid[]))
    AND (CAST(:only AS uuid[]) IS NULL OR id = ANY(CAST(:only AS uuid[])))
"""

REAPABLE = text(f"SELECT id FROM jobs WHERE {_REAPABLE} LIMIT :limit")

REAP = text(
    f"""
    WITH stuck AS (
        SELECT id,
            CASE WHEN cancel_requested THEN CAST(:cancelled AS jsonb)
                 WHEN deadline <= now() THEN CAST(:expired AS jsonb)
                 WHEN state = 'running' AND attempt >= :max_attempts
                 THEN CAST(:exhausted AS jsonb) END AS result
        FROM jobs
        WHERE {_REAPABLE}
        FOR UPDATE SKIP LOCKED
        LIMIT :limit
    )
    UPDATE jobs
    SET state = CASE WHEN stuck.result IS NULL THEN 'queued' ELSE 'finished' END,
        result = stuck.result, lease_until = NULL,
        run_after = now() + {set_apart("jobs.adapter")},
        finished_at = CASE WHEN stuck.result IS NULL THEN NULL ELSE now() END
    FROM stuck WHERE jobs.id = stuck.id
    RETURNING jobs.id, jobs.state
    """
)


async def reap(
    connection: AnyConnection,
    *,
    only: Sequence[UUID] | None = None,
    excluded: Sequence[UUID] = (),
) -> int:
    """Requeue the jobs of dead workers; end those cancelled, expired or tried too often.

    Returns the number of changed jobs; ``only`` and ``excluded`` restrict them. Both bots and
    workers call it. A row that Postgres refuses fails the whole call: see ``reapable``.
    """
    rows = await connection.execute(REAP, {**_selection(only, excluded), **_outcomes()})
    changed = rows.all()
    for row in changed:
        log.info("job_reaped", job_id=str(row.id), state=row.state)
    return len(changed)


async def reapable(connection: AnyConnection, *, excluded: Sequence[UUID] = ()) -> list[UUID]:
    """The jobs that ``reap`` would change now, for a retry one by one after a fault."""
    return list(await connection.scalars(REAPABLE, _selection(None, excluded)))


def _selection(only: Sequence[UUID] | None, excluded: Sequence[UUID]) -> dict[str, object]:
    return {
        "grace_s": RESTART_GRACE_S,
        "limit": BATCH,
        "only": None if only is None else list(only),
        "excluded": list(excluded),
    }


def _outcomes() -> dict[str, object]:
    exhausted = f"{MAX_ATTEMPTS} workers died on this job"
    return {
        "max_attempts": MAX_ATTEMPTS,
        "cancelled": json.dumps(dump_result(CANCELLED)),
        "expired": _failure_json(FailureReason.EXPIRED, "the deadline passed"),
        "exhausted": _failure_json(FailureReason.ATTEMPTS_EXHAUSTED, exhausted),
    }


def _failure_json(reason: FailureReason, message: str) -> str:
    return json.dumps(dump_result(Failure(reason=reason, message=message)))
