"""Where a test puts jobs for a worker and picks up their results."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from redis.asyncio import Redis
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from fakes.engine_server import EngineServer
from inference_queue.client import JobQueue
from inference_queue.protocol import (
    Completion,
    Failure,
    Job,
    Message,
    Role,
)
from inference_queue.schema import jobs
from inference_worker.engines.base import Delta, ModelCard, Usage
from runtime.database import connect_database
from runtime.redis_client import connect_redis
from tests.support.finished_jobs import take_finished


@dataclass
class Desk:
    """Where jobs are put and results are picked up."""

    database: AsyncEngine
    redis: Redis
    queue: JobQueue
    urls: tuple[str, str]

    async def put(self, said: str = "안녕", **fields: Any) -> Job:
        job = Job(id=uuid4(), messages=(Message(Role.USER, said),), **fields)
        async with self.database.begin() as connection:
            await self.queue.enqueue(connection, job)
        self.queue.wake()
        return job

    async def result(self, timeout_s: float = 30) -> Completion | Failure:
        return (await self.results(1, timeout_s))[0]

    async def results(self, count: int, timeout_s: float = 30) -> list[Completion | Failure]:
        ended: list[Completion | Failure] = []
        async with asyncio.timeout(timeout_s):
            while len(ended) < count:
                async with self.database.begin() as connection:
                    ended += [job.result for job in await take_finished(self.queue, connection)]
                await asyncio.sleep(0.03)
        return ended

    async def execute(self, statement: str) -> None:
        async with self.database.begin() as connection:
            await connection.execute(text(statement))

    async def row(self, job: Job) -> Any:
        async with self.database.connect() as connection:
            return (await connection.execute(select(jobs).where(jobs.c.id == job.id))).one()


@pytest.fixture
async def desk(database_url: str, redis_url: str) -> AsyncIterator[Desk]:
    database, redis = connect_database(database_url, pool_size=4), connect_redis(redis_url)
    queue = JobQueue(redis)
    yield Desk(database, redis, queue, (database_url, redis_url))
    await queue.close()
    await redis.aclose()
    await database.dispose()


async def busy(server: EngineServer, count: int = 1) -> None:
    await server.until(lambda s: s.running == count)


class Stuck:
    """An engine whose step never ends."""

    card = ModelCard(name="stuck", preset="demo")
    began = 0.0
    template = None

    @property
    def usage(self) -> Usage:
        return Usage(stalled_s=time.monotonic() - self.began if self.began else 0.0)

    async def check(self) -> str:
        return ""

    async def start(self, progress: Callable[[str], None]) -> None:
        progress("it loads")

    async def generate(self, job: Job) -> AsyncGenerator[Delta | Completion, None]:
        self.began = time.monotonic()
        yield Delta("안")
        await asyncio.Event().wait()

    async def close(self) -> None:
        raise AssertionError("whoever waits for a stuck engine is stuck")
