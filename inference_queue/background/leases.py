"""The workers' client of the background lane: claim, renew, finish, each fenced by its lease."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import orjson
import structlog
from sqlalchemy import (
    BigInteger,
    BindParameter,
    Boolean,
    Float,
    Integer,
    Text,
    Uuid,
    bindparam,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.ext.asyncio import AsyncEngine

from inference_queue.background.protocol import BackgroundJob, BackgroundKind, BackgroundResult
from inference_queue.background.wire import dump_background_result, load_background_job
from inference_queue.claim_order import CLAIMABLE, HAS_ITS_ADAPTER
from inference_queue.protocol import (
    Failure,
    FailureReason,
    Job,
    ProtocolError,
    is_adapter_name,
)
from runtime.database import DATABASE_ERRORS, LAZY_COMMIT_SQL, fault_fields
from runtime.direct import connect_directly

log = structlog.get_logger(__name__)

#: The oldest jobs that this worker can do, and none while a live job waits for any worker that has
#: the adapter it names. A model that was chosen for pictures it does not see declines them at once.
_NEXT = f"""
    SELECT id FROM background_jobs
    WHERE state = 'queued' AND run_after <= now() AND kind = ANY(:kinds)
      AND (kind <> 'see' OR CAST(:sees AS boolean) OR model IS NOT NULL OR adapter = ANY(:unseen))
      AND coalesce(model, :model) = :model AND coalesce(preset, :preset) = :preset
      AND coalesce(engine, :engine) = :engine
      AND (adapter IS NULL OR adapter = ANY(:adapters))
      AND (CAST(:only AS uuid) IS NULL OR id = :only) AND id <> ALL(:excluded)
      AND NOT EXISTS (SELECT FROM jobs WHERE {CLAIMABLE} AND {HAS_ITS_ADAPTER})
    ORDER BY created_at, id LIMIT :slots
"""
_CHOICE: tuple[BindParameter[Any], ...] = (
    bindparam("kinds", type_=ARRAY(Text)),
    bindparam("sees", type_=Boolean),
    bindparam("only", type_=Uuid),
    bindparam("excluded", type_=ARRAY(Uuid)),
    bindparam("slots", type_=Integer),
    bindparam("adapters", type_=ARRAY(Text)),
    bindparam("unseen", type_=ARRAY(Text)),
    *(bindparam(name, type_=Text) for name in ("model", "preset", "engine")),
)
_LIST_NEXT = text(_NEXT).bindparams(*_CHOICE)
#: The commits are lazy as those of live jobs: what a crash of Postgres undoes is done again. The
#: payload is text: one that the driver cannot read would break the others' rows too.
_CLAIM = text(
    f"""
    WITH picked AS (
        {_NEXT} FOR UPDATE OF background_jobs SKIP LOCKED
    ), claimed AS (
        UPDATE background_jobs
        SET state = 'running', attempt = attempt + 1, worker = :worker,
            lease = greatest(lease + 1, CAST(extract(epoch FROM now()) * 1000000 AS bigint)),
            lease_until = now() + make_interval(secs => :lease_s),
            started_at = coalesce(started_at, now())
        FROM picked WHERE background_jobs.id = picked.id
        RETURNING background_jobs.id, kind, CAST(payload AS text) AS payload, lease, attempt,
            adapter
    )
    SELECT *, {LAZY_COMMIT_SQL} FROM claimed
    """
).bindparams(
    *_CHOICE,
    bindparam("lease_s", type_=Float),
    bindparam("worker", type_=Text),
)
#: A job that cannot be leased, such as one whose row a trigger refuses.
_REJECT = text(
    """
    UPDATE background_jobs SET state = 'finished', result = :result, finished_at = now()
    WHERE id = :id AND state = 'queued'
    RETURNING id
    """
).bindparams(bindparam("id", type_=Uuid), bindparam("result", type_=JSONB))
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
    RETURNING id
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
    adapter: str = ""  #: merged into its model
    adapters: tuple[str, ...] = ()  #: beside it, one of which a job may name
    renders: bool = False  #: it has the model's tokenizer and chat template
    sees: bool = False  #: its model sees pictures, or it declines them as nobody sees
    unseen: tuple[str, ...] = ()  #: of its adapters, whose pictures it declines, as nobody sees

    @property
    def all_adapters(self) -> list[str]:
        """What a target's adapter may be: "" for the model alone, unless one is merged into it."""
        return [self.adapter, *self.adapters]

    @property
    def kinds(self) -> list[str]:
        """The kinds of jobs that it takes."""
        render = [BackgroundKind.RENDER.value] if self.renders else []
        return [BackgroundKind.GENERATE.value, BackgroundKind.SEE.value, *render]


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
        self._database = database

    async def claim(
        self, slots: int, offer: Offer, *, only: UUID | None = None, excluded: Sequence[UUID] = ()
    ) -> list[BackgroundLease]:
        """Take up to ``slots`` jobs that the worker can do; none while a live job waits.

        An unreadable payload is finished at once as INVALID_JOB. A row that Postgres refuses fails
        the whole call: see ``next_jobs``.
        """
        holder = {"worker": self._worker, "lease_s": self.lease_s}
        async with connect_directly(self._database) as connection:
            rows = (
                await connection.execute(_CLAIM, holder | _choice(slots, offer, only, excluded))
            ).all()
        leases = [await self._read(row) for row in rows]
        return [lease for lease in leases if lease is not None]

    async def next_jobs(
        self, slots: int, offer: Offer, *, excluded: Sequence[UUID] = ()
    ) -> list[UUID]:
        """The jobs that ``claim`` would take now, for a retry one by one after a fault."""
        async with connect_directly(self._database) as connection:
            chosen = await connection.execute(_LIST_NEXT, _choice(slots, offer, None, excluded))
            return list(chosen.scalars())

    async def reject(self, job_id: UUID, failure: Failure) -> bool:
        """End a job that cannot be leased; False: it does not wait."""
        values = {"id": job_id, "result": dump_background_result(failure)}
        async with connect_directly(self._database) as connection:
            return (await connection.execute(_REJECT, values)).first() is not None

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
        async with connect_directly(self._database) as connection:
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
        async with connect_directly(self._database) as connection:
            return (await connection.execute(_RELEASE, values)).first() is not None

    async def _read(self, row: Any) -> BackgroundLease | None:
        try:
            job = load_background_job(row.kind, orjson.loads(row.payload))
        except (ProtocolError, orjson.JSONDecodeError) as error:
            failure = Failure(reason=FailureReason.INVALID_JOB, message=str(error))
        else:
            if isinstance(job, Job) and row.adapter is not None:
                # One that is merged into a model has its folder's name, and needs no choice.
                job = replace(job, adapter=row.adapter if is_adapter_name(row.adapter) else "")
            return BackgroundLease(job=job, number=row.lease, attempt=row.attempt)
        try:
            await self._finish(row.id, row.lease, failure)
        except DATABASE_ERRORS as error:
            # Not raised: the other leases must not be lost. This one expires by itself.
            log.warning("database_fault", job_id=str(row.id), **fault_fields(error))
        return None

    async def _finish(self, job_id: UUID, number: int, result: BackgroundResult) -> bool:
        values = {"id": job_id, "lease": number, "result": dump_background_result(result)}
        async with connect_directly(self._database) as connection:
            return (await connection.execute(_FINISH, values)).first() is not None


def _choice(
    slots: int, offer: Offer, only: UUID | None, excluded: Sequence[UUID]
) -> dict[str, Any]:
    return {
        "slots": slots,
        "kinds": offer.kinds,
        "sees": offer.sees,
        "model": offer.model,
        "preset": offer.preset,
        "engine": offer.engine,
        "adapters": offer.all_adapters,
        "unseen": list(offer.unseen),
        "only": only,
        "excluded": list(excluded),
    }
