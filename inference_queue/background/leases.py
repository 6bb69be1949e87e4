"""The workers' client of the background lane: claim, renew, finish, each fenced by its lease."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import BigInteger, Float, Integer, Row, Text, Uuid, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.ext.asyncio import AsyncEngine

from inference_queue.background.protocol import BackgroundJob, BackgroundKind, BackgroundResult
from inference_queue.background.wire import dump_background_result, load_background_job
from inference_queue.claim_order import CLAIMABLE
from inference_queue.protocol import Failure, FailureReason, ProtocolError
from runtime.database import DATABASE_ERRORS, LAZY_COMMIT_SQL, fault_fields

log = structlog.get_logger(__name__)

#: The oldest jobs that this worker can do, and none while a live job waits for any worker. The
#: commits are lazy as those of live jobs: what a crash of Postgres undoes is done again.
_CLAIM = text(
    f"""
    WITH picked AS (
        SELECT id FROM background_jobs
        WHERE state = 'queued' AND run_after <= now() AND kind = ANY(:kinds)
          AND coalesce(model, :model) = :model AND coalesce(preset, :preset) = :preset
          AND coalesce(engine, :engine) = :engine AND coalesce(adapter, :adapter) = :adapter
          AND NOT EXISTS (SELECT FROM jobs WHERE {CLAIMABLE})
        ORDER BY created_at, id LIMIT :slots
        FOR UPDATE OF background_jobs SKIP LOCKED
    ), claimed AS (
        UPDATE background_jobs
        SET state = 'running', attempt = attempt + 1, worker = :worker,
            lease = greatest(lease + 1, CAST(extract(epoch FROM now()) * 1000000 AS bigint)),
            lease_until = now() + make_interval(secs => :lease_s),
            started_at = coalesce(started_at, now())
        FROM picked WHERE background_jobs.id = picked.id
        RETURNING background_jobs.id, kind, payload, lease, attempt
    )
    SELECT *, {LAZY_COMMIT_SQL} FROM claimed
    """
).bindparams(
    bindparam("kinds", type_=ARRAY(Text)),
    bindparam("slots", type_=Integer),
    bindparam("lease_s", type_=Float),
    *(bindparam(name, type_=Text) for name in ("model", "preset", "engine", "adapter", "worker")),
)
_RENEW = text(
    """
    UPDATE background_jobs SET lease_until = now() + make_interval(secs => :lease_s)
    FROM unnest(:ids, :leases) AS held (id, lease)
    WHERE background_jobs.id = held.id AND background_jobs.lease = held.lease
      AND background_jobs.state = 'running'
    RETURNING background_jobs.id
    """
).bindparams(
    bindparam("ids", type_=ARRAY(Uuid)),
    bindparam("leases", type_=ARRAY(BigInteger)),
    bindparam("lease_s", type_=Float),
)
_HELD = "id = :id AND lease = :lease AND state = 'running'"
_FINISH = text(
    f"""
    UPDATE background_jobs SET state = 'finished', result = :result, lease_until = NULL,
        finished_at = now()
    WHERE {_HELD}
    RETURNING {LAZY_COMMIT_SQL}
    """
).bindparams(
    bindparam("id", type_=Uuid),
    bindparam("lease", type_=BigInteger),
    bindparam("result", type_=JSONB),
)
_RELEASE = text(
    f"""
    UPDATE background_jobs SET state = 'queued', lease_until = NULL,
        attempt = attempt - :forgiven, run_after = now() + make_interval(secs => :delay_s)
    WHERE {_HELD}
    """
).bindparams(
    bindparam("id", type_=Uuid),
    bindparam("lease", type_=BigInteger),
    bindparam("forgiven", type_=Integer),
    bindparam("delay_s", type_=Float),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What a worker can do, as it publishes it."""

    model: str
    preset: str
    engine: str
    adapter: str = ""
    renders: bool = False  #: it has the model's tokenizer and chat template

    @property
    def kinds(self) -> list[str]:
        """The kinds of jobs that it takes."""
        render = [BackgroundKind.RENDER.value] if self.renders else []
        return [BackgroundKind.GENERATE.value, *render]


@dataclass(frozen=True, slots=True, kw_only=True)
class BackgroundLease:
    """The right to do one job until it is finished, released or lost."""

    job: BackgroundJob
    number: int  #: the fencing token
    attempt: int

    @property
    def id(self) -> UUID:
        """The job's id."""
        return self.job.id


class BackgroundLeases:
    """Claims background jobs and writes their results. Raises DATABASE_ERRORS."""

    def __init__(self, database: AsyncEngine, *, worker: str, lease_s: float) -> None:
        self.lease_s = lease_s
        self._worker = worker
        self._database = database.execution_options(isolation_level="AUTOCOMMIT")

    async def claim(self, slots: int, offer: Offer) -> list[BackgroundLease]:
        """Take up to ``slots`` jobs that the worker can do; none while a live job waits.

        An unreadable payload is finished at once as INVALID_JOB.
        """
        values: dict[str, Any] = {
            "slots": slots,
            "kinds": offer.kinds,
            "model": offer.model,
            "preset": offer.preset,
            "engine": offer.engine,
            "adapter": offer.adapter,
            "worker": self._worker,
            "lease_s": self.lease_s,
        }
        async with self._database.connect() as connection:
            rows = (await connection.execute(_CLAIM, values)).all()
        leases = [await self._read(row) for row in rows]
        return [lease for lease in leases if lease is not None]

    async def renew(self, leases: Iterable[BackgroundLease]) -> set[UUID]:
        """Prolong the leases; the jobs that are still held."""
        held: Sequence[BackgroundLease] = list(leases)
        if not held:
            return set()
        values = {
            "ids": [lease.id for lease in held],
            "leases": [lease.number for lease in held],
            "lease_s": self.lease_s,
        }
        async with self._database.connect() as connection:
            return set((await connection.execute(_RENEW, values)).scalars())

    async def finish(self, lease: BackgroundLease, result: BackgroundResult) -> bool:
        """Store the result; False: the lease was lost, and the result is dropped."""
        return await self._finish(lease.id, lease.number, result)

    async def release(
        self, lease: BackgroundLease, *, delay_s: float = 0.0, counts: bool = False
    ) -> bool:
        """Put the job back; ``counts``: as an attempt that failed."""
        values = {
            "id": lease.id,
            "lease": lease.number,
            "forgiven": 0 if counts else 1,
            "delay_s": delay_s,
        }
        async with self._database.connect() as connection:
            return (await connection.execute(_RELEASE, values)).rowcount == 1

    async def _read(self, row: Row[Any]) -> BackgroundLease | None:
        try:
            job = load_background_job(row.kind, row.payload)
        except ProtocolError as error:
            failure = Failure(reason=FailureReason.INVALID_JOB, message=str(error))
        else:
            return BackgroundLease(job=job, number=row.lease, attempt=row.attempt)
        try:
            await self._finish(row.id, row.lease, failure)
        except DATABASE_ERRORS as error:
            # Not raised: the other leases must not be lost. This one expires by itself.
            log.warning("database_fault", job_id=str(row.id), **fault_fields(error))
        return None

    async def _finish(self, job_id: UUID, number: int, result: BackgroundResult) -> bool:
        values = {"id": job_id, "lease": number, "result": dump_background_result(result)}
        async with self._database.connect() as connection:
            return (await connection.execute(_FINISH, values)).first() is not None
