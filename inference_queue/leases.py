"""The answering side of the queue: claim, renew, stream, finish, each fenced by its lease."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from redis.asyncio import Redis
from sqlalchemy import (
    bindparam,
    func,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncEngine

from inference_queue.channels import (
    FINISHED_CHANNEL,
    TOKENS_KEY,
    TOKENS_MAX_PIECES,
    TOKENS_TTL_S,
)
from inference_queue.protocol import (
    Completion,
    Failure,
    FailureReason,
    Job,
    ProtocolError,
    dump_result,
    load_job,
)
from inference_queue.schema import jobs
from runtime.circuit_breaker import CircuitBreaker
from runtime.database import LAZY_COMMIT, LAZY_COMMIT_SQL
from runtime.pubsub import WakeupPublisher

#: A job without a deadline is treated as if it had one, so many seconds after it was made.
PATIENCE_S = 600.0

#: Earliest deadline first, with two deadlines: the moment an answer is first wanted, as long as a
#: typical answer still makes it, and after that the moment it is worthless. So a job that is late
#: anyway does not make the next one late too, and every job is the earliest one day: none starves.
#: Lost with Postgres, a claim is made again; its number is a moment in microseconds, so that the
#: next one gets another.
CLAIM = text(
    f"""
    WITH picked AS (
        SELECT id FROM jobs
        WHERE state = 'queued' AND run_after <= now() AND NOT cancel_requested
          AND (deadline IS NULL OR deadline > now())
        ORDER BY priority DESC,
            CASE WHEN due > now() + make_interval(secs => :typical_s) THEN due
                 ELSE coalesce(deadline, created_at + make_interval(secs => :patience_s)) END,
            created_at
        FOR UPDATE SKIP LOCKED
        LIMIT :slots
    )
    UPDATE jobs
    SET state = 'running', attempt = attempt + 1, worker = :worker,
        lease = greatest(lease + 1, CAST(extract(epoch FROM now()) * 1000000 AS bigint)),
        lease_until = now() + make_interval(secs => :lease_s),
        started_at = coalesce(started_at, now())
    FROM picked WHERE jobs.id = picked.id
    RETURNING jobs.id, jobs.payload, jobs.lease, jobs.attempt, jobs.created_at, {LAZY_COMMIT_SQL}
    """
)

RENEW = text(
    """
    UPDATE jobs SET lease_until = now() + make_interval(secs => :lease_s)
    FROM unnest(CAST(:ids AS uuid[]), CAST(:leases AS bigint[])) AS held (id, lease)
    WHERE jobs.id = held.id AND jobs.lease = held.lease AND jobs.state = 'running'
    RETURNING jobs.id, jobs.cancel_requested
    """
)


def _held(job_id: Any, number: Any) -> tuple[Any, ...]:
    return (jobs.c.id == job_id, jobs.c.lease == number, jobs.c.state == "running")


#: Lost with Postgres, a result is written again by whoever gets the job next.
FINISH = (
    update(jobs)
    .where(*_held(bindparam("job_id"), bindparam("number")))
    .values(
        state="finished",
        result=bindparam("outcome", type_=JSONB),
        lease_until=None,
        finished_at=func.now(),
    )
    .returning(LAZY_COMMIT)
)


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to answer one job until it is finished, given back or lost."""

    job: Job
    number: int  #: the fencing token
    attempt: int
    created_at: datetime


class LeaseClient:
    """The answering side. Every statement is fenced by the lease's number."""

    def __init__(
        self, database: AsyncEngine, redis: Redis, *, worker: str, lease_s: float = 15.0
    ) -> None:
        self.worker = worker
        self.lease_s = lease_s
        self._database = database.execution_options(isolation_level="AUTOCOMMIT")
        self._redis = redis
        self._finished = WakeupPublisher(redis, FINISHED_CHANNEL)
        self._outage = CircuitBreaker()

    async def claim(self, slots: int, *, typical_s: float = 0.0) -> list[Lease]:
        """Take up to ``slots`` jobs in the order of CLAIM; ``typical_s``: what an answer takes.

        A payload this worker cannot read is finished at once as INVALID_JOB.
        """
        async with self._database.connect() as connection:
            rows = await connection.execute(
                CLAIM,
                {
                    "slots": slots,
                    "worker": self.worker,
                    "lease_s": self.lease_s,
                    "typical_s": typical_s,
                    "patience_s": PATIENCE_S,
                },
            )
            taken = rows.all()
        leases = []
        for row in taken:
            try:
                job = load_job(row.payload)
            except ProtocolError as error:
                failure = Failure(reason=FailureReason.INVALID_JOB, message=str(error))
                await self._finish(row.id, row.lease, failure)
                continue
            leases.append(Lease(job, row.lease, row.attempt, row.created_at))
        return leases

    async def renew(self, leases: Iterable[Lease]) -> dict[UUID, bool]:
        """Prolong the leases; the jobs still held, and whether each should be cancelled."""
        held = list(leases)
        if not held:
            return {}
        async with self._database.connect() as connection:
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
        """Store the result; False where the lease was lost, and the result with it."""
        return await self._finish(lease.job.id, lease.number, result)

    async def give_back(self, lease: Lease, *, delay_s: float = 0.0, counts: bool = True) -> bool:
        """Put the job back into the queue; ``counts=False`` forgives the attempt."""
        async with self._database.connect() as connection:
            changed = await connection.execute(
                update(jobs)
                .where(*_held(lease.job.id, lease.number))
                .values(
                    state="queued",
                    lease_until=None,
                    attempt=jobs.c.attempt - (0 if counts else 1),
                    run_after=func.now() + func.make_interval(0, 0, 0, 0, 0, 0, delay_s),
                )
            )
        return changed.rowcount == 1

    async def stream(self, lease: Lease, piece: str) -> None:
        """Append a piece of text to the job's stream. Without Redis nobody watches: no error."""
        if self._outage.is_open():
            return
        key = TOKENS_KEY.format(id=lease.job.id, attempt=lease.attempt)
        with self._outage.guard():
            async with self._redis.pipeline(transaction=False) as pipeline:
                pipeline.xadd(key, {"text": piece}, maxlen=TOKENS_MAX_PIECES)
                pipeline.expire(key, TOKENS_TTL_S)
                await pipeline.execute()

    async def close(self) -> None:
        """Let a pending ring go out."""
        await self._finished.close()

    async def _finish(self, job_id: UUID, number: int, result: Completion | Failure) -> bool:
        values = {"job_id": job_id, "number": number, "outcome": dump_result(result)}
        async with self._database.connect() as connection:
            stored = (await connection.execute(FINISH, values)).first() is not None
        self._finished.publish()
        return stored
