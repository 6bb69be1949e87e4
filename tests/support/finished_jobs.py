"""Finished jobs out of the queue, as a settlement takes them."""

from __future__ import annotations

from sqlalchemy import Uuid, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from inference_queue.client import TAKE_FINISHED, FinishedJob, JobQueue

TAKE = text(TAKE_FINISHED.format(ids="SELECT unnest(:job_ids)")).bindparams(
    bindparam("job_ids", type_=ARRAY(Uuid))
)


async def take_finished(
    queue: JobQueue, connection: AsyncConnection, limit: int = 100
) -> list[FinishedJob]:
    """The oldest finished jobs, without those that another transaction is taking."""
    found = await queue.finished(connection, limit)
    rows = await connection.execute(TAKE, {"job_ids": [job.id for job in found]})
    taken = set(rows.scalars())
    return [job for job in found if job.id in taken]
