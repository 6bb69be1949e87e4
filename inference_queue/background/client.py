"""The bot's client of the background lane: enqueue many, take results in batches, cancel.

A batch is whatever its owner wants to follow and cancel together: a replay, the check of a data
set. Every call is a part of the caller's transaction. The table holds only what is on its way: the
owner keeps what it asks for and what it took.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Integer, Text, Uuid, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from inference_queue.background.protocol import (
    BackgroundJob,
    BackgroundResult,
    Target,
    kind_of,
)
from inference_queue.background.wire import dump_background_job, load_background_result
from inference_queue.protocol import Failure, FailureReason, ProtocolError

_ENQUEUE = text(
    """
    INSERT INTO background_jobs
        (id, batch_id, kind, payload, model, preset, engine, adapter, created_at)
    SELECT CAST(job ->> 'id' AS uuid), :batch_id, job ->> 'kind', job -> 'payload',
        :model, :preset, :engine, :adapter, now() + place * interval '1 microsecond'
    FROM jsonb_array_elements(CAST(:jobs AS jsonb)) WITH ORDINALITY AS element (job, place)
    ON CONFLICT (id) DO NOTHING
    """
).bindparams(
    bindparam("batch_id", type_=Uuid),
    *(bindparam(name, type_=Text) for name in ("jobs", "model", "preset", "engine", "adapter")),
)
_TAKE = (
    text(
        """
        DELETE FROM background_jobs WHERE id = ANY(ARRAY(
            SELECT id FROM background_jobs WHERE batch_id = :batch_id AND state = 'finished'
            ORDER BY finished_at LIMIT :limit
            FOR UPDATE SKIP LOCKED
        ))
        RETURNING id, result
        """
    )
    .bindparams(bindparam("batch_id", type_=Uuid), bindparam("limit", type_=Integer))
    .columns(result=JSONB)
)
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
    result: BackgroundResult


async def enqueue(
    connection: AsyncConnection,
    batch_id: UUID,
    jobs: Sequence[BackgroundJob],
    target: Target,
) -> None:
    """Add jobs to a batch, in this order; one whose id is in the table stays as it is."""
    if not jobs:
        return
    body = [
        {"id": str(job.id), "kind": kind_of(job), "payload": dump_background_job(job)}
        for job in jobs
    ]
    values: dict[str, Any] = {
        "batch_id": batch_id,
        "jobs": orjson.dumps(body).decode(),
        "model": target.model,
        "preset": target.preset,
        "engine": target.engine,
        "adapter": target.adapter,
    }
    await connection.execute(_ENQUEUE, values)


async def take_finished(
    connection: AsyncConnection, batch_id: UUID, limit: int
) -> list[FinishedBackgroundJob]:
    """Take finished jobs out of the lane, the oldest first, with the commit of the caller."""
    rows = await connection.execute(_TAKE, {"batch_id": batch_id, "limit": limit})
    return [FinishedBackgroundJob(row.id, _read(row.result)) for row in rows]


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


def _read(body: Any) -> BackgroundResult:
    try:
        return load_background_result(body)
    except ProtocolError as error:
        return Failure(reason=FailureReason.INVALID_JOB, message=str(error))
