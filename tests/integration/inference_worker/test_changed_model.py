"""A served model that changes, or goes, while the worker runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from fakes.engine_server import DEFAULT_MODEL, engine_server
from inference_queue.protocol import Completion
from inference_queue.worker_registry import WorkerState
from inference_worker.engines.served.engine import ServedEngine
from inference_worker.worker import Worker
from tests.support.desk import Desk
from tests.support.stack import running_worker


async def until(worker: Worker, holds: Callable[[WorkerState], bool]) -> None:
    async with asyncio.timeout(30):
        while not holds(worker.status().state):
            await asyncio.sleep(0.02)


async def test_jobs_wait_for_a_model_that_is_gone(desk: Desk) -> None:
    async with engine_server() as server:
        engine = ServedEngine(server.url, model=DEFAULT_MODEL, refresh_s=0.0)
        async with running_worker(*desk.urls, engine, patience_s=120) as worker:
            await desk.put("하나")
            assert isinstance(await desk.result(), Completion)
            server.model = "another"
            job = await desk.put("둘")
            await until(worker, lambda state: state is WorkerState.UNAVAILABLE)
            assert "another" in worker.status().detail
            async with asyncio.timeout(30):
                while (await desk.row(job)).state != "queued":
                    await asyncio.sleep(0.02)
            assert (await desk.row(job)).attempt == 0
            server.model = DEFAULT_MODEL
            result = await desk.result(60)
            assert isinstance(result, Completion)
            assert result.text == "에코: 둘"
            await until(worker, lambda state: state is WorkerState.READY)


async def test_a_model_that_is_back_is_ready_without_a_job(desk: Desk) -> None:
    async with engine_server() as server:
        engine = ServedEngine(server.url, model=DEFAULT_MODEL, refresh_s=0.0)
        async with running_worker(*desk.urls, engine) as worker:
            await until(worker, lambda state: state is WorkerState.READY)
            server.model = "another"
            await until(worker, lambda state: state is WorkerState.UNAVAILABLE)
            server.model = DEFAULT_MODEL
            await until(worker, lambda state: state is WorkerState.READY)


async def test_an_unnamed_model_is_followed_and_announced(desk: Desk) -> None:
    async with engine_server() as server:
        engine = ServedEngine(server.url)
        async with running_worker(*desk.urls, engine) as worker:
            await until(worker, lambda state: state is WorkerState.READY)
            server.model = "another"
            await desk.put("셋")
            result = await desk.result()
            assert isinstance(result, Completion)
            assert (result.text, result.model) == ("에코: 셋", "another")
            assert worker.status().model == "another"


async def test_reasoning_reaches_the_result_and_not_the_stream(desk: Desk) -> None:
    pieces = ["<think>비밀", "</think>", "답", "이에요."]
    async with (
        engine_server(pieces=pieces, delay_per_token_s=0.1) as server,
        running_worker(*desk.urls, ServedEngine(server.url)),
    ):
        job = await desk.put()
        seen = ""
        async with asyncio.timeout(30), desk.database.connect() as connection:
            while not server.finished:
                seen += await desk.queue.partial(connection, job.id)
                await asyncio.sleep(0.02)
        result = await desk.result()
    assert "비밀" not in seen
    assert isinstance(result, Completion)
    assert (result.text, result.reasoning) == ("답이에요.", "비밀")
