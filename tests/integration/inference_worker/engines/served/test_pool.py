"""Several real inference servers behind one engine: who is asked, and what a dying one costs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fakes.engine_server import EngineServer, engine_server
from inference_queue.protocol import Completion
from inference_worker.engines.served.engine import ServedEngine
from inference_worker.engines.served.pool import ServedPool
from tests.support.desk import Desk
from tests.support.stack import running_worker


@asynccontextmanager
async def pool_of(*urls: str) -> AsyncIterator[ServedPool]:
    pool = ServedPool([ServedEngine(url, silence_timeout_s=5) for url in urls], check_every_s=0.05)
    await pool.start(lambda _step: None)
    try:
        yield pool
    finally:
        await pool.close()


@asynccontextmanager
async def two(**switches: Any) -> AsyncIterator[tuple[EngineServer, EngineServer, ServedPool]]:
    async with (
        engine_server(**switches) as one,
        engine_server(**switches) as other,
        pool_of(one.url, other.url) as pool,
    ):
        yield one, other, pool


async def test_a_server_that_dies_in_the_middle_loses_no_job(desk: Desk) -> None:
    async with two(delay_per_token_s=0.05) as (one, other, pool):
        one.cut_after = other.cut_after = 2
        async with running_worker(*desk.urls, pool):
            job = await desk.put("끝까지 답해 줘")
            await one.until(lambda s: s.aborted + other.aborted >= 1)
            one.cut_after = other.cut_after = None
            result = await desk.result()
    assert isinstance(result, Completion)
    assert result.text == f"에코: {job.messages[-1].content}"


async def test_overload_costs_the_job_no_attempt(desk: Desk) -> None:
    async with two() as (one, other, pool):
        one.overloaded = other.overloaded = 4  # more often than a job may be tried
        async with running_worker(*desk.urls, pool, patience_s=20):
            await desk.put("기다릴게")
            result = await desk.result(timeout_s=30)
    assert isinstance(result, Completion)
