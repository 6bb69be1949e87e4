"""A worker process that is killed with background jobs: each ends once, and live ones go on."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from fakes.engine_server import engine_server
from inference_queue.protocol import Completion
from tests.support.background import background_row, put_background, question, taken
from tests.support.desk import Desk

SLOTS = 3
#: More than a worker has slots: some wait while it is killed.
JOBS = 6


@asynccontextmanager
async def worker_process(desk: Desk, engine_url: str) -> AsyncIterator[asyncio.subprocess.Process]:
    database_url, redis_url = desk.urls
    settings = {
        "WORKER_DATABASE_URL": database_url.replace("+asyncpg", ""),
        "WORKER_REDIS_URL": redis_url,
        "WORKER_BASE_URL": engine_url,
        "WORKER_SLOTS": str(SLOTS),
        "WORKER_LEASE_S": "2",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "inference_worker",
        env={**os.environ, **settings, "PYTHONPATH": str(Path.cwd())},
        stdout=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def running(database: AsyncEngine) -> list[UUID]:
    statement = text("SELECT id FROM background_jobs WHERE state = 'running'")
    async with database.connect() as connection:
        return list((await connection.execute(statement)).scalars())


async def until_running(database: AsyncEngine, count: int) -> list[UUID]:
    async with asyncio.timeout(60):
        while len(held := await running(database)) < count:
            await asyncio.sleep(0.05)
    return held


async def test_background_jobs_of_a_killed_worker_end_once_and_live_ones_are_answered_meanwhile(
    desk: Desk,
) -> None:
    asked = {job.id: job for job in (question(f"배경 {number}") for number in range(JOBS))}
    batch = await put_background(desk.database, *asked.values())
    async with engine_server(delay_per_token_s=600) as server:
        async with worker_process(desk, server.url) as first:
            held = await until_running(desk.database, SLOTS - 1)
            first.kill()
            await first.wait()
        # Its leases stand until they run out, and nobody has ended anything.
        assert set(await running(desk.database)) == set(held)
        server.delay_per_token_s = 0.0
        live = [await desk.put(f"지금 {number}") for number in range(3)]
        async with worker_process(desk, server.url):
            answers = await desk.results(len(live), timeout_s=60)
            assert {one.text for one in answers if isinstance(one, Completion)} == {
                f"에코: 지금 {number}" for number in range(3)
            }
            for job_id in held:
                async with asyncio.timeout(60):
                    while (row := await background_row(desk.database, job_id)).state != "finished":
                        await asyncio.sleep(0.05)
                assert row.attempt == 2
            results = await taken(desk.database, batch, JOBS)
    assert sorted(done.id for done in results) == sorted(asked)
    for done in results:
        assert isinstance(done.result, Completion)
        assert done.result.text == f"에코: {asked[done.id].messages[-1].content}"
    async with desk.database.connect() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM background_jobs")) == 0
