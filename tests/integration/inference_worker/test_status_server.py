"""A worker's /healthz and /metrics over real jobs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession

from inference_queue.protocol import Completion, FinishReason
from inference_worker.engines.served.engine import ServedEngine
from inference_worker.errors import EngineStuckError
from inference_worker.status_server import CannotListenError, status_server
from inference_worker.worker import Worker
from tests.support.desk import Desk, Stuck, busy
from tests.support.stack import running_worker, served


async def answer(worker: Worker, path: str) -> tuple[int, str]:
    async with (
        status_server(worker, "127.0.0.1", 0) as port,
        ClientSession() as http,
        http.get(f"http://127.0.0.1:{port}{path}") as response,
    ):
        return response.status, await response.text()


def samples(page: str) -> dict[str, float]:
    lines = (line.rsplit(" ", 1) for line in page.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, value in lines}


@pytest.fixture
async def working(desk: Desk) -> AsyncIterator[Worker]:
    async with served() as (_, engine), running_worker(*desk.urls, engine, slots=3) as worker:
        async with asyncio.timeout(30):
            while worker.status().state != "ready":
                await asyncio.sleep(0.02)
        yield worker


async def test_healthz_tells_state_and_slots(working: Worker) -> None:
    status, text = await answer(working, "/healthz")
    body = json.loads(text)
    assert (status, body["status"], body["state"]) == (200, "alive", "ready")
    assert (body["busy"], body["slots"]) == (0, 3)


async def test_an_answered_job_is_counted(desk: Desk, working: Worker) -> None:
    before = samples((await answer(working, "/metrics"))[1])
    await desk.put("세어 줘")
    result = await desk.result()
    assert isinstance(result, Completion)
    after = samples((await answer(working, "/metrics"))[1])

    def grown(name: str) -> float:
        return after[name] - before.get(name, 0.0)

    assert grown('worker_jobs_total{outcome="stop"}') == 1
    assert grown("worker_queue_wait_seconds_count") == 1
    assert grown("worker_first_token_seconds_count") == 1
    assert grown('worker_tokens_total{of="answers"}') == result.completion_tokens > 0


async def test_a_cancelled_job_is_counted_as_that(desk: Desk) -> None:
    cancelled = 'worker_jobs_total{outcome="cancelled"}'
    async with (
        served(delay_per_token_s=0.3) as (server, engine),
        running_worker(*desk.urls, engine) as worker,
    ):
        before = samples((await answer(worker, "/metrics"))[1])
        job = await desk.put("그만둘 것")
        await busy(server)
        await desk.execute(f"UPDATE jobs SET cancel_requested = true WHERE id = '{job.id}'")
        result = await desk.result()
        assert isinstance(result, Completion)
        assert result.finish_reason is FinishReason.CANCELLED
        after = samples((await answer(worker, "/metrics"))[1])
        assert after[cancelled] - before.get(cancelled, 0.0) == 1


async def once_stuck(worker: Worker) -> tuple[int, str]:
    async with asyncio.timeout(30):
        while not worker.is_stuck:
            await asyncio.sleep(0.02)
    return await answer(worker, "/healthz")


async def test_a_stuck_engine_is_a_503(desk: Desk) -> None:
    await desk.put()
    said: list[tuple[int, str]] = []
    with pytest.raises(EngineStuckError):
        async with running_worker(*desk.urls, Stuck(), stuck_s=0.2, drain_s=0) as worker:
            said.append(await once_stuck(worker))
    [(status, text)] = said
    assert (status, json.loads(text)["status"]) == (503, "failed")


async def test_a_taken_port_is_an_error(working: Worker) -> None:
    async with status_server(working, "127.0.0.1", 0) as port:
        with pytest.raises(CannotListenError, match=str(port)):
            async with status_server(working, "127.0.0.1", port):
                pass


async def test_an_engine_that_is_not_reached_is_alive_and_loading(desk: Desk) -> None:
    engine = ServedEngine("http://127.0.0.1:9")
    async with running_worker(*desk.urls, engine) as worker:
        status, text = await answer(worker, "/healthz")
        assert (status, json.loads(text)["state"]) == (200, "loading")


async def test_a_packed_body_is_refused(working: Worker) -> None:
    async with status_server(working, "127.0.0.1", 0) as port, ClientSession() as http:
        for path in ("/healthz", "/metrics", "/nowhere"):
            url, headers = f"http://127.0.0.1:{port}{path}", {"Content-Encoding": "gzip"}
            async with http.post(url, data=b"packed", headers=headers) as response:
                assert response.status == 415
