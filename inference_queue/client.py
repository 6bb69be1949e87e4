"""The job queue: a Postgres table with leases, and a Redis wake-up over it.

Owns the table ``jobs`` (jobs.py), the wake-ups and the token streams. Postgres decides; Redis only
makes the waiting shorter, so every wait has a poll behind it and every Redis error is survivable.
``JobQueue`` is the side that asks (the bot), ``Leases`` the side that answers (the worker).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy import (
    Text,
    bindparam,
    func,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from inference_queue.protocol import (
    Completion,
    Failure,
    FailureReason,
    Job,
    ProtocolError,
    dump_job,
    dump_result,
    load_job,
    load_result,
)
from inference_queue.schema import jobs
from runtime.database import LAZY_COMMIT, LAZY_COMMIT_SQL
from runtime.pubsub import Outage, Ringer

log = structlog.get_logger(__name__)

#: A job whose worker died this often is not tried again.
MAX_ATTEMPTS = 3
#: A job without a deadline is treated as if it had one, so many seconds after it was made.
PATIENCE_S = 600.0
#: A lease that ran out while Postgres was away proves nothing: so long after its return its holder
#: may still renew it.
RESTART_GRACE_S = 5.0
#: Redis keys. A token stream is named by job and attempt, or a retry would interleave two texts.
WAKE_CHANNEL = "bllossom:jobs:wake"
FINISHED_CHANNEL = "bllossom:jobs:finished"
TOKENS_KEY = "bllossom:tokens:{id}:{attempt}"

TOKENS_MAX_PIECES = 4000
TOKENS_TTL_S = 300

#: The columns repeat what the payload says, for the order and the indexes.
ENQUEUE = text(
    """
    INSERT INTO jobs (id, payload, priority, due, deadline)
    SELECT job.id, payload, job.priority, job.due, job.deadline
    FROM jsonb_array_elements(CAST(:payloads AS jsonb)) AS payload,
        jsonb_to_record(payload) AS job (
            id uuid, priority smallint, due timestamptz, deadline timestamptz
        )
    """
).bindparams(bindparam("payloads", type_=Text))

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

COMPLETED = text(
    """
    DELETE FROM jobs
    WHERE id = ANY(ARRAY(
        SELECT id FROM jobs WHERE state = 'finished' ORDER BY finished_at
        FOR UPDATE SKIP LOCKED LIMIT :limit
    ))
    RETURNING id, result, started_at
    """
).columns(result=JSONB)


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


@dataclass(frozen=True, slots=True)
class FinishedJob:
    """A job that has its result and waits to be settled."""

    id: UUID
    result: Completion | Failure
    started_at: datetime | None


class JobQueue:
    """The asking side: enqueue inside the caller's transaction, collect results likewise."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._wake = Ringer(redis, WAKE_CHANNEL)

    async def enqueue(self, connection: AsyncConnection, *new: Job) -> None:
        """Store the jobs; call ``wake`` once the transaction is committed."""
        payloads = orjson.dumps([dump_job(job) for job in new]).decode()
        await connection.execute(ENQUEUE, {"payloads": payloads})

    def wake(self) -> None:
        """Tell the workers that there is work."""
        self._wake.ring()

    async def cancel(self, connection: AsyncConnection, job_id: UUID) -> None:
        """Ask for the job to be stopped; it finishes as CANCELLED."""
        await connection.execute(
            update(jobs).where(jobs.c.id == job_id).values(cancel_requested=True)
        )

    async def completed(self, connection: AsyncConnection, limit: int) -> list[FinishedJob]:
        """Take finished jobs out of the queue, if the caller's transaction is committed.

        The table is a queue, the log is the caller's. Nobody else gets the same job meanwhile.
        """
        rows = await connection.execute(COMPLETED, {"limit": limit})
        return [FinishedJob(row.id, _read_result(row.result), row.started_at) for row in rows]

    async def partial(self, connection: AsyncConnection, job_id: UUID) -> str:
        """The text streamed so far; empty where nothing is known."""
        attempt = await connection.scalar(select(jobs.c.attempt).where(jobs.c.id == job_id))
        try:
            key = TOKENS_KEY.format(id=job_id, attempt=attempt)
            pieces: list[Any] = await self._redis.xrange(key) or []
            return "".join(piece["text"] for _, piece in pieces)
        except (RedisError, OSError):
            return ""

    async def close(self) -> None:
        """Let a pending wake-up go out."""
        await self._wake.close()


class Leases:
    """The answering side. Every statement is fenced by the lease's number."""

    def __init__(
        self, database: AsyncEngine, redis: Redis, *, worker: str, lease_s: float = 15.0
    ) -> None:
        self.worker = worker
        self.lease_s = lease_s
        self._database = database.execution_options(isolation_level="AUTOCOMMIT")
        self._redis = redis
        self._finished = Ringer(redis, FINISHED_CHANNEL)
        self._outage = Outage()

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
        if self._outage.lasts():
            return
        key = TOKENS_KEY.format(id=lease.job.id, attempt=lease.attempt)
        with self._outage.noted():
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
        self._finished.ring()
        return stored


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


def _read_result(plain: Any) -> Completion | Failure:
    try:
        return load_result(plain)
    except ProtocolError as error:
        return Failure(reason=FailureReason.INVALID_JOB, message=str(error))
