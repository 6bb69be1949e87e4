"""The bot's client of the background lane: enqueue many, take results in batches, cancel.

A batch is whatever its owner wants to follow and cancel together: a replay, the check of a data
set. Every call is a part of the caller's transaction. The table holds only what is on its way: the
owner keeps what it asks for and what it took.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Integer, Text, Uuid, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from inference_queue.background.protocol import (
    BackgroundJob,
    BackgroundResult,
    Target,
    Unreadable,
    kind_of,
)
from inference_queue.background.wire import dump_background_job, load_background_result
from inference_queue.protocol import Job, ProtocolError

_ENQUEUE = text(
    """
    INSERT INTO background_jobs
        (id, batch_id, kind, payload, model, preset, engine, adapter, created_at)
    SELECT CAST(job ->> 'id' AS uuid), :batch_id, job ->> 'kind', job -> 'payload',
        :model, :preset, :engine, job ->> 'adapter', now() + place * interval '1 microsecond'
    FROM jsonb_array_elements(CAST(:jobs AS jsonb)) WITH ORDINALITY AS element (job, place)
    ON CONFLICT (id) DO NOTHING
    """
).bindparams(
    bindparam("batch_id", type_=Uuid),
    *(bindparam(name, type_=Text) for name in ("jobs", "model", "preset", "engine")),
)
#: More than any answer and its reasoning take.
MAX_RESULT_BYTES = 1024 * 1024
_FINISHED = """
    SELECT id FROM background_jobs WHERE batch_id = :batch_id AND state = 'finished'
      AND (CAST(:only AS uuid) IS NULL OR id = :only) AND id <> ALL(:excluded)
    ORDER BY finished_at LIMIT :limit
"""
_OF_BATCH = (
    bindparam("batch_id", type_=Uuid),
    bindparam("only", type_=Uuid),
    bindparam("excluded", type_=ARRAY(Uuid)),
    bindparam("limit", type_=Integer),
)
#: As text: what the driver cannot read would break the others' rows too.
_TAKE = text(
    f"""
        DELETE FROM background_jobs WHERE id = ANY(ARRAY(
            {_FINISHED} FOR UPDATE SKIP LOCKED
        ))
        RETURNING id, CASE WHEN octet_length(CAST(result AS text)) <= {MAX_RESULT_BYTES}
            THEN CAST(result AS text) END AS result
    """
).bindparams(*_OF_BATCH)
_LIST_FINISHED = text(_FINISHED).bindparams(*_OF_BATCH)
_COUNT = text(
    "SELECT state, count(*) AS jobs FROM background_jobs WHERE batch_id = :batch_id GROUP BY state"
).bindparams(bindparam("batch_id", type_=Uuid))
_CANCEL = text("DELETE FROM background_jobs WHERE batch_id = :batch_id").bindparams(
    bindparam("batch_id", type_=Uuid)
)
_CANCEL_SOME = text("DELETE FROM background_jobs WHERE id = ANY(:ids)").bindparams(
    bindparam("ids", type_=ARRAY(Uuid))
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BackgroundCounts:
    """The jobs of a batch that have not been taken, by their state."""

    queued: int = 0
    running: int = 0
    finished: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.queued + self.running + self.finished


@dataclass(frozen=True, slots=True)
class FinishedBackgroundJob:
    """A job that has ended."""

    id: UUID
    result: BackgroundResult | Unreadable


async def enqueue(
    connection: AsyncConnection,
    batch_id: UUID,
    jobs: Sequence[BackgroundJob],
    target: Target,
) -> None:
    """Add jobs to a batch, in this order; one whose id is in the table stays as it is."""
    if not jobs:
        return
    body = [_element(job, target) for job in jobs]
    values: dict[str, Any] = {
        "batch_id": batch_id,
        "jobs": orjson.dumps(body).decode(),
        "model": target.model,
        "preset": target.preset,
        "engine": target.engine,
    }
    await connection.execute(_ENQUEUE, values)


def _element(job: BackgroundJob, target: Target) -> dict[str, Any]:
    """A job for the table, which says the adapter: the target's, else the job's own."""
    adapter = target.adapter
    if isinstance(job, Job):
        adapter = (job.adapter or None) if adapter is None else adapter
        job = replace(job, adapter="")
    payload = dump_background_job(job)
    return {"id": str(job.id), "kind": kind_of(job), "adapter": adapter, "payload": payload}


async def take_finished(
    connection: AsyncConnection,
    batch_id: UUID,
    limit: int,
    *,
    only: UUID | None = None,
    excluded: Sequence[UUID] = (),
) -> list[FinishedBackgroundJob]:
    """Take finished jobs out of the lane, the oldest first, with the commit of the caller."""
    values = {"batch_id": batch_id, "limit": limit, "only": only, "excluded": list(excluded)}
    rows = await connection.execute(_TAKE, values)
    return [FinishedBackgroundJob(row.id, _read(row.result)) for row in rows]


async def finished_ids(
    connection: AsyncConnection, batch_id: UUID, limit: int, *, excluded: Sequence[UUID] = ()
) -> list[UUID]:
    """The finished jobs that would be taken next."""
    values = {"batch_id": batch_id, "limit": limit, "only": None, "excluded": list(excluded)}
    return list((await connection.execute(_LIST_FINISHED, values)).scalars())


async def count(connection: AsyncConnection, batch_id: UUID) -> BackgroundCounts:
    """The jobs of a batch by state."""
    rows = await connection.execute(_COUNT, {"batch_id": batch_id})
    return BackgroundCounts(**{row.state: row.jobs for row in rows})


async def cancel(connection: AsyncConnection, batch_id: UUID) -> int:
    """Remove every job of a batch, results that were not taken included; their number.

    A worker that runs one finds its lease gone within two seconds, and stops.
    """
    return (await connection.execute(_CANCEL, {"batch_id": batch_id})).rowcount


async def cancel_jobs(connection: AsyncConnection, ids: Sequence[UUID]) -> int:
    """Remove these jobs, as ``cancel`` does."""
    return (await connection.execute(_CANCEL_SOME, {"ids": list(ids)})).rowcount


def _read(body: str | None) -> BackgroundResult | Unreadable:
    if body is None:
        return Unreadable(f"none, or of more than {MAX_RESULT_BYTES:,} bytes")
    try:
        return load_background_result(orjson.loads(body))
    except ProtocolError as error:
        return Unreadable(str(error))
    except orjson.JSONDecodeError:
        return Unreadable("not JSON of this kind")
