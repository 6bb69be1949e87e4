"""Background jobs for tests, and what becomes of them."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncEngine

from inference_queue.background import client
from inference_queue.background.client import FinishedBackgroundJob
from inference_queue.background.leases import Offer
from inference_queue.background.protocol import BackgroundJob, RenderJob, Target
from inference_queue.protocol import Job, Message, Role
from inference_queue.schema import background_jobs

ANY = Offer(model="m", preset="p", engine="e", renders=True)


def question(words: str = "수도는?", **fields: Any) -> Job:
    return Job(id=uuid4(), messages=(Message(Role.USER, words),), **fields)


def rendering(completion: str = "서울이에요.") -> RenderJob:
    return RenderJob(id=uuid4(), messages=(Message(Role.USER, "수도는?"),), completion=completion)


async def put_background(
    database: AsyncEngine, *jobs: BackgroundJob, target: Target | None = None
) -> UUID:
    """The batch that the jobs are in."""
    batch_id = uuid4()
    for job in jobs:
        async with database.begin() as connection:
            await client.enqueue(connection, batch_id, [job], target or Target())
    return batch_id


async def taken(
    database: AsyncEngine, batch_id: UUID, count: int, timeout_s: float = 60
) -> list[FinishedBackgroundJob]:
    """The next results of a batch."""
    found: list[FinishedBackgroundJob] = []
    async with asyncio.timeout(timeout_s):
        while len(found) < count:
            async with database.begin() as connection:
                found += await client.take_finished(connection, batch_id, 100)
            await asyncio.sleep(0.03)
    return found


async def background_row(database: AsyncEngine, job_id: UUID) -> Any:
    async with database.connect() as connection:
        wanted = select(background_jobs).where(background_jobs.c.id == job_id)
        return (await connection.execute(wanted)).one_or_none()


async def change_background(database: AsyncEngine, **columns: Any) -> None:
    async with database.begin() as connection:
        await connection.execute(update(background_jobs).values(columns))


async def execute(database: AsyncEngine, statement: str) -> None:
    async with database.begin() as connection:
        await connection.execute(text(statement))
