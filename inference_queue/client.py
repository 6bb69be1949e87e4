"""The job queue: a Postgres table with leases, and a Redis wake-up over it.

Owns the table ``jobs`` (jobs.py), the wake-ups and the token streams. Postgres decides; Redis only
makes the waiting shorter, so every wait has a poll behind it and every Redis error is survivable.
``JobQueue`` is the side that asks (the bot), ``LeaseClient`` the side that answers (the worker).
"""

from __future__ import annotations

from collections.abc import Sequence
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
    Uuid,
    bindparam,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from inference_queue.channels import (
    TOKENS_KEY,
    WAKE_CHANNEL,
)
from inference_queue.protocol import (
    Completion,
    Failure,
    FailureReason,
    Job,
    ProtocolError,
    dump_job,
    dump_result,
    load_result,
)
from inference_queue.schema import jobs
from runtime.pubsub import WakeupPublisher

log = structlog.get_logger(__name__)


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


COMPLETED = (
    text(
        """
    DELETE FROM jobs
    WHERE id = ANY(ARRAY(
        SELECT id FROM jobs
        WHERE state = 'finished' AND id <> ALL(:without) AND (:only IS NULL OR id = ANY(:only))
        ORDER BY finished_at
        FOR UPDATE SKIP LOCKED LIMIT :limit
    ))
    RETURNING id, result, started_at
    """
    )
    .bindparams(bindparam("only", type_=ARRAY(Uuid)), bindparam("without", type_=ARRAY(Uuid)))
    .columns(result=JSONB)
)

FINISHED = text(
    """
    SELECT id FROM jobs WHERE state = 'finished' AND id <> ALL(:without)
    ORDER BY finished_at LIMIT :limit
    """
).bindparams(bindparam("without", type_=ARRAY(Uuid)))

#: A queued job ends here, for no worker has it; a running one ends in its worker.
CANCEL = text(
    """
    UPDATE jobs
    SET cancel_requested = true,
        result = CASE state WHEN 'queued' THEN CAST(:cancelled AS jsonb) END,
        finished_at = CASE state WHEN 'queued' THEN now() END,
        state = CASE state WHEN 'queued' THEN 'finished' ELSE state END
    WHERE id = :job_id AND state IN ('queued', 'running')
    """
)


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
        self._wake = WakeupPublisher(redis, WAKE_CHANNEL)

    async def enqueue(self, connection: AsyncConnection, *new: Job) -> None:
        """Store the jobs; call ``wake`` once the transaction is committed."""
        payloads = orjson.dumps([dump_job(job) for job in new]).decode()
        await connection.execute(ENQUEUE, {"payloads": payloads})

    def wake(self) -> None:
        """Tell the workers that there is work."""
        self._wake.publish()

    async def cancel(self, connection: AsyncConnection, job_id: UUID) -> bool:
        """Ask for the job to be stopped; it finishes as CANCELLED, a queued one at once.

        False: it has its result already, or is gone.
        """
        cancelled = Failure(reason=FailureReason.CANCELLED, message="cancelled on request")
        values = {"job_id": job_id, "cancelled": orjson.dumps(dump_result(cancelled)).decode()}
        return bool((await connection.execute(CANCEL, values)).rowcount == 1)

    async def completed(
        self,
        connection: AsyncConnection,
        limit: int,
        *,
        only: Sequence[UUID] | None = None,
        without: Sequence[UUID] = (),
    ) -> list[FinishedJob]:
        """Take finished jobs out of the queue, if the caller's transaction is committed.

        The table is a queue, the log is the caller's. Nobody else gets the same job meanwhile.
        """
        values = {
            "limit": limit,
            "only": None if only is None else list(only),
            "without": list(without),
        }
        rows = await connection.execute(COMPLETED, values)
        return [FinishedJob(row.id, _read_result(row.result), row.started_at) for row in rows]

    async def finished_jobs(
        self, connection: AsyncConnection, limit: int, *, without: Sequence[UUID] = ()
    ) -> list[UUID]:
        """The finished jobs that ``completed`` would take; nothing is taken."""
        rows = await connection.execute(FINISHED, {"limit": limit, "without": list(without)})
        return list(rows.scalars())

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


def _read_result(plain: Any) -> Completion | Failure:
    try:
        return load_result(plain)
    except ProtocolError as error:
        return Failure(reason=FailureReason.INVALID_JOB, message=str(error))
