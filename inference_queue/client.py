"""The bot's client of the job queue, a Postgres table with wake-ups through Redis.

Postgres decides; Redis only shortens the waits. Every wait also polls, and errors of Redis
are harmless. The workers' client is ``leases.LeaseClient``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from redis.asyncio import Redis
from sqlalchemy import Text, Uuid, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from inference_queue.announced_jobs import AnnouncedJobs
from inference_queue.channels import CANCEL_CHANNEL, WAKE_CHANNEL
from inference_queue.claim_order import set_apart
from inference_queue.protocol import (
    CANCELLED,
    Completion,
    Failure,
    FailureReason,
    Job,
    ProtocolError,
)
from inference_queue.schema import JobState
from inference_queue.token_stream import TokenStream, current_run
from inference_queue.wire import dump_job, dump_result, load_result
from runtime.direct import AnyConnection
from runtime.pubsub import WakeupPublisher

#: The columns repeat fields of the payload, for the order and the indexes.
_INSERT = f"""
    INSERT INTO jobs (id, payload, fairness_key, due, deadline, needs_vision, adapter, run_after)
    SELECT job.id, payload, nullif(job.fairness_key, ''), job.due, job.deadline,
        coalesce(payload -> 'needs' @> '["pictures"]', false), nullif(job.adapter, ''),
        now() + {set_apart("job.adapter")}
    FROM jsonb_array_elements(CAST(:payloads AS jsonb)) AS payload,
        jsonb_to_record(payload) AS job (
            id uuid, fairness_key text, due timestamptz, deadline timestamptz, adapter text
        )
"""
ENQUEUE = text(_INSERT).bindparams(bindparam("payloads", type_=Text))


def insert_jobs(chosen: str) -> str:
    """Part of a statement (SQL): enqueues those of ``:payloads`` that the query ``chosen`` names.

    For a caller whose own rows decide in the same statement; ``dump_payloads`` makes the value.
    """
    return f"{_INSERT} WHERE job.id = ANY(ARRAY({chosen}))"


def dump_payloads(jobs: Iterable[Job]) -> str:
    """The jobs as ``:payloads``."""
    return orjson.dumps([dump_job(job) for job in jobs]).decode()


#: A queued job ends at once. A running one is ended by its worker, whose renewals return the flag.
CANCEL = text(
    """
    UPDATE jobs
    SET cancel_requested = true,
        state = CASE state WHEN 'queued' THEN 'finished' ELSE state END,
        result = CASE state WHEN 'queued' THEN :result ELSE result END,
        finished_at = CASE state WHEN 'queued' THEN now() ELSE finished_at END
    WHERE id = :job_id AND state <> 'finished'
    RETURNING state
    """
).bindparams(bindparam("result", dump_result(CANCELLED), type_=JSONB))

FINISHED_JOBS = (
    text(
        """
    SELECT id, result, remarks, started_at, runs FROM jobs
    WHERE state = 'finished' AND id <> ALL(:excluded) AND (:only IS NULL OR id = ANY(:only))
    ORDER BY finished_at
    LIMIT :limit
    """
    )
    .bindparams(bindparam("only", type_=ARRAY(Uuid)), bindparam("excluded", type_=ARRAY(Uuid)))
    .columns(result=JSONB, remarks=JSONB, runs=JSONB)
)

#: Finished jobs for one caller: what another one has is skipped. ``{ids}``: the jobs, a SELECT.
#: The expression on the state defeats the index of finished jobs: all of them would be read.
LOCK_FINISHED = """
        SELECT id FROM jobs WHERE id = ANY(ARRAY({ids})) AND state || '' = 'finished'
        FOR UPDATE SKIP LOCKED
"""
#: The same out of the queue: a part of the statement that writes their results.
TAKE_FINISHED = f"DELETE FROM jobs WHERE id = ANY(ARRAY({LOCK_FINISHED})) RETURNING id"

FINISHED_IDS = text(
    """
    SELECT id FROM jobs WHERE state = 'finished' AND id <> ALL(:excluded)
    ORDER BY finished_at LIMIT :limit
    """
).bindparams(bindparam("excluded", type_=ARRAY(Uuid)))


@dataclass(frozen=True, slots=True)
class FinishedJob:
    """A job with its result, ready to be settled."""

    id: UUID
    result: Completion | Failure
    started_at: datetime | None  #: its first claim; None: never claimed
    #: Its claims, oldest first, each {"worker": name, "at": ISO time}; None: not recorded.
    runs: list[dict[str, str]] | None = None


class JobQueue:
    """Enqueues, cancels and reads jobs, each inside the caller's transaction."""

    def __init__(self, redis: Redis) -> None:
        self._tokens = TokenStream(redis)
        self._wake = WakeupPublisher(redis, WAKE_CHANNEL)
        self._cancelled = WakeupPublisher(redis, CANCEL_CHANNEL)
        self._announced = AnnouncedJobs()

    async def enqueue(self, connection: AnyConnection, *new: Job) -> None:
        """Store the jobs; call ``wake`` once the transaction is committed."""
        await connection.execute(ENQUEUE, {"payloads": dump_payloads(new)})

    def wake(self, job_ids: Iterable[UUID] = ()) -> None:
        """Wake the workers for new jobs; ``job_ids``: those for ``take_announced`` to remember."""
        self._announced.add(job_ids)
        self._wake.publish()

    def take_announced(self, causes: Collection[str]) -> list[UUID]:
        """The jobs among the causes of wake-ups that were announced here; each is told once."""
        return self._announced.take(causes)

    async def cancel(self, connection: AsyncConnection, job_id: UUID) -> bool:
        """Finish the job as CANCELLED; False: there is no unfinished job of this id.

        A queued job is finished with the transaction. A running one is stopped by its worker,
        within a second, and may still end with its answer.
        """
        state = await connection.scalar(CANCEL, {"job_id": job_id})
        if state == JobState.RUNNING:
            # Safe before the commit: the renewal that follows waits for the row's lock, and so
            # for the caller's commit.
            self._cancelled.publish()
        return state is not None

    async def finished(
        self,
        connection: AnyConnection,
        limit: int,
        *,
        only: Sequence[UUID] | None = None,
        excluded: Sequence[UUID] = (),
    ) -> list[FinishedJob]:
        """Finished jobs, oldest first. Read-only: ``TAKE_FINISHED`` says who has them.

        A finished job never changes; it may be gone by then.
        """
        values = {
            "limit": limit,
            "only": None if only is None else list(only),
            "excluded": list(excluded),
        }
        rows = await connection.execute(FINISHED_JOBS, values)
        return [
            FinishedJob(row.id, _read_result(row.result, row.remarks), row.started_at, row.runs)
            for row in rows
        ]

    async def finished_ids(
        self, connection: AsyncConnection, limit: int, *, excluded: Sequence[UUID] = ()
    ) -> list[UUID]:
        """The jobs that ``finished`` would return, unread."""
        rows = await connection.execute(FINISHED_IDS, {"limit": limit, "excluded": list(excluded)})
        return list(rows.scalars())

    async def partial(self, connection: AnyConnection, job_id: UUID) -> str:
        """The text that the current run has streamed so far; empty where there is none."""
        run = await current_run(connection, job_id)
        return "" if run is None else await self._tokens.read(run)

    async def close(self) -> None:
        """Wait for pending wake-ups."""
        await self._wake.close()
        await self._cancelled.close()


def _read_result(body: Any, remarks: Any) -> Completion | Failure:
    try:
        return load_result(body, remarks)
    except ProtocolError as error:
        return Failure(reason=FailureReason.INVALID_JOB, message=str(error))
