"""The workers' client of the job queue: claim, renew, stream, finish, each fenced by its lease."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from redis.asyncio import Redis
from sqlalchemy import TextClause, bindparam, func, text, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncEngine

from inference_queue.channels import FINISHED_CHANNEL
from inference_queue.claim_order import (
    ANSWERABLE,
    CLAIMABLE,
    NEXT_JOBS,
    NOTE_SERVED,
    PLAIN,
    Abilities,
    set_apart,
)
from inference_queue.protocol import (
    Completion,
    Failure,
    FailureReason,
    Job,
    ProtocolError,
)
from inference_queue.schema import JobState, jobs
from inference_queue.token_stream import Run, TokenStream
from inference_queue.wire import dump_remarks, dump_result, load_job
from runtime.database import DATABASE_ERRORS, LAZY_COMMIT, LAZY_COMMIT_SQL, fault_fields
from runtime.direct import connect_directly
from runtime.pubsub import WakeupPublisher

log = structlog.get_logger(__name__)

#: Called with the statement's name, the error and the job whose row caused it.
OnFault = Callable[[str, BaseException, UUID], None]

#: The claims of a job that are remembered: the first, and the newest.
MAX_RUNS = 20

#: The assumed deadline of a job without one, from its creation; for the order only.
PATIENCE_S = 600.0


def _claim(picked: str) -> TextClause:
    """Lease the jobs that ``picked`` selects.

    The commit does not wait for the disk: a claim lost in a crash of Postgres is repeated. The
    lease's number is a time in microseconds, so that the repeated claim gets another number.
    """
    return text(
        f"""
        WITH picked AS ({picked} FOR UPDATE OF jobs SKIP LOCKED), claimed AS (
            UPDATE jobs
            SET state = 'running', attempt = attempt + 1, worker = :worker,
                lease = greatest(lease + 1, CAST(extract(epoch FROM now()) * 1000000 AS bigint)),
                lease_until = now() + make_interval(secs => :lease_s),
                started_at = coalesce(started_at, now()),
                runs = CASE WHEN jsonb_array_length(runs) >= {MAX_RUNS} THEN runs - 1
                    ELSE coalesce(runs, '[]') END
                    || jsonb_build_object('worker', CAST(:worker AS text), 'at', now())
            FROM picked WHERE jobs.id = picked.id
            RETURNING jobs.id, payload, lease, attempt, created_at, fairness_key
        ), served AS ({NOTE_SERVED})
        SELECT id, payload, lease, attempt, created_at, {LAZY_COMMIT_SQL} FROM claimed
        """
    )


NEXT = text(NEXT_JOBS)
CLAIM = _claim(NEXT_JOBS)
CLAIM_ONE = _claim(f"SELECT id FROM jobs WHERE id = :job_id AND {CLAIMABLE} AND {ANSWERABLE}")

RENEW = text(
    """
    UPDATE jobs SET lease_until = now() + make_interval(secs => :lease_s)
    FROM unnest(CAST(:ids AS uuid[]), CAST(:leases AS bigint[])) AS held (id, lease)
    WHERE jobs.id = held.id AND jobs.lease = held.lease AND jobs.state = 'running'
    RETURNING jobs.id, jobs.cancel_requested
    """
)


def _held(job_id: Any, number: Any) -> tuple[Any, ...]:
    return (jobs.c.id == job_id, jobs.c.lease == number, jobs.c.state == JobState.RUNNING)


#: The commit does not wait for the disk: the next attempt replaces a lost result.
FINISH = (
    update(jobs)
    .where(*_held(bindparam("job_id"), bindparam("number")))
    .values(
        state=JobState.FINISHED,
        result=bindparam("outcome", type_=JSONB),
        remarks=bindparam("remarks", type_=JSONB(none_as_null=True)),
        lease_until=None,
        finished_at=func.now(),
    )
    .returning(LAZY_COMMIT)
)


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to answer one job until it is finished, released or lost."""

    job: Job
    number: int  #: the fencing token
    attempt: int
    created_at: datetime


def log_fault(statement: str, error: BaseException, job_id: UUID) -> None:
    """The default ``OnFault``: a log line, without any value of the row."""
    fields = fault_fields(error)
    log.error("database_fault", statement=statement, job_id=str(job_id), **fields)


class LeaseClient:
    """Claims jobs and writes their results. Every statement is fenced by the lease's number."""

    def __init__(
        self, database: AsyncEngine, redis: Redis, *, worker: str, lease_s: float = 15.0
    ) -> None:
        self.worker = worker
        self.lease_s = lease_s
        self._database = database
        self._autocommit = database.execution_options(isolation_level="AUTOCOMMIT")
        self._tokens = TokenStream(redis)
        self._finished = WakeupPublisher(redis, FINISHED_CHANNEL)

    async def claim(
        self,
        slots: int,
        *,
        typical_s: float = 0.0,
        excluded: Sequence[UUID] = (),
        abilities: Abilities = PLAIN,
        on_fault: OnFault = log_fault,
    ) -> list[Lease]:
        """Take up to ``slots`` jobs in the order of claims; ``typical_s``: an answer's duration.

        An unreadable payload is finished at once as INVALID_JOB; an error of that goes to
        ``on_fault``.
        """
        order = _order(slots, typical_s, excluded)
        values = {**order, **abilities.values(), **self._holder()}
        return await self._take(CLAIM, values, on_fault)

    async def claim_one(
        self,
        job_id: UUID,
        *,
        abilities: Abilities = PLAIN,
        on_fault: OnFault = log_fault,
    ) -> list[Lease]:
        """Take this job if it is still claimable: one lease or none."""
        values = {"job_id": job_id, **abilities.values(), **self._holder()}
        return await self._take(CLAIM_ONE, values, on_fault)

    async def next_jobs(
        self,
        slots: int,
        *,
        typical_s: float = 0.0,
        excluded: Sequence[UUID] = (),
        abilities: Abilities = PLAIN,
    ) -> list[UUID]:
        """The jobs that ``claim`` would take now, in its order. Read-only."""
        values = {**_order(slots, typical_s, excluded), **abilities.values()}
        async with self._autocommit.connect() as connection:
            return list(await connection.scalars(NEXT, values))

    async def reject(self, job_id: UUID, failure: Failure) -> bool:
        """Finish a job that cannot be claimed; False: it is no longer queued."""
        async with self._autocommit.connect() as connection:
            changed = await connection.execute(
                update(jobs)
                .where(jobs.c.id == job_id, jobs.c.state == JobState.QUEUED)
                .values(
                    state=JobState.FINISHED, result=dump_result(failure), finished_at=func.now()
                )
            )
        self._finished.publish()
        return changed.rowcount == 1

    async def renew(self, leases: Iterable[Lease]) -> dict[UUID, bool]:
        """Prolong the leases; the jobs still held, and whether each has a cancel request."""
        held = list(leases)
        if not held:
            return {}
        async with connect_directly(self._database) as connection:
            rows = await connection.execute(
                RENEW,
                {
                    "ids": [lease.job.id for lease in held],
                    "leases": [lease.number for lease in held],
                    "lease_s": self.lease_s,
                },
            )
            return {row.id: row.cancel_requested for row in rows}

    async def finish(self, lease: Lease, result: Completion | Failure) -> bool:
        """Store the result; False: the lease was lost, and the result is dropped."""
        return await self._finish(lease.job.id, lease.number, result)

    async def release(self, lease: Lease, *, delay_s: float = 0.0, counts: bool = True) -> bool:
        """Put the job back into the queue; ``counts=False`` forgives the attempt."""
        async with self._autocommit.connect() as connection:
            changed = await connection.execute(
                update(jobs)
                .where(*_held(lease.job.id, lease.number))
                .values(
                    state=JobState.QUEUED,
                    lease_until=None,
                    attempt=jobs.c.attempt - (0 if counts else 1),
                    run_after=func.now()
                    + func.make_interval(0, 0, 0, 0, 0, 0, delay_s)
                    + text(set_apart("jobs.adapter")),
                )
            )
        return changed.rowcount == 1

    async def stream(
        self, lease: Lease, text: str, *, at: int | None = None, lasts: bool = False
    ) -> None:
        """Append a chunk of text to the job's token stream. Redis errors are ignored.

        ``at``: the characters of the answer before it; ``lasts``: as of ``TokenStream.append``.
        """
        run = Run(job_id=lease.job.id, attempt=lease.attempt, lease=lease.number)
        self._tokens.append(run, text, at=at, lasts=lasts)

    async def close(self) -> None:
        """Let a pending wake-up go out."""
        await self._finished.close()

    def _holder(self) -> dict[str, Any]:
        return {"worker": self.worker, "lease_s": self.lease_s}

    async def _take(
        self, statement: TextClause, values: dict[str, Any], on_fault: OnFault
    ) -> list[Lease]:
        async with connect_directly(self._database) as connection:
            rows = (await connection.execute(statement, values)).all()
        leases = [await self._read(row, on_fault) for row in rows]
        return [lease for lease in leases if lease is not None]

    async def _read(self, row: Any, on_fault: OnFault) -> Lease | None:
        try:
            return Lease(load_job(row.payload), row.lease, row.attempt, row.created_at)
        except ProtocolError as error:
            failure = Failure(reason=FailureReason.INVALID_JOB, message=str(error))
        try:
            await self._finish(row.id, row.lease, failure)
        except DATABASE_ERRORS as error:
            # Not raised: the other leases must not be lost. This one expires by itself.
            on_fault("finish", error, row.id)
        return None

    async def _finish(self, job_id: UUID, number: int, result: Completion | Failure) -> bool:
        values = {
            "job_id": job_id,
            "number": number,
            "outcome": dump_result(result),
            "remarks": dump_remarks(result),
        }
        async with connect_directly(self._database) as connection:
            stored = (await connection.execute(FINISH, values)).first() is not None
        self._finished.publish(str(job_id))
        return stored


def _order(slots: int, typical_s: float, excluded: Sequence[UUID]) -> dict[str, Any]:
    return {
        "slots": slots,
        "typical_s": typical_s,
        "patience_s": PATIENCE_S,
        "excluded": list(excluded),
    }
