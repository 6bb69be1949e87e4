"""Requests of the endpoint beside live jobs: those come first, and no slot is lost."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from fakes.engine_server import EngineServer
from inference_queue.protocol import Completion
from inference_worker.api.server import api_server
from tests.support.api import CHAT, ApiEndpoint, api_endpoint
from tests.support.desk import Desk
from tests.support.stack import running_worker, served


@pytest.fixture
async def server_and_endpoint() -> AsyncIterator[tuple[EngineServer, ApiEndpoint]]:
    async with served(delay_per_token_s=0.01) as (server, engine):
        await engine.start(lambda _: None)
        async with api_endpoint(engine, slots=2) as endpoint:
            yield server, endpoint


@pytest.fixture
def server(server_and_endpoint: tuple[EngineServer, ApiEndpoint]) -> EngineServer:
    return server_and_endpoint[0]


@pytest.fixture
def endpoint(server_and_endpoint: tuple[EngineServer, ApiEndpoint]) -> ApiEndpoint:
    return server_and_endpoint[1]


async def running(server: EngineServer, count: int) -> None:
    await server.until(lambda s: s.running == count)


async def test_a_whole_answer_is_generated_again_after_a_live_job_took_its_slot(
    server: EngineServer, endpoint: ApiEndpoint
) -> None:
    server.silent_after = 1
    asked = asyncio.create_task(endpoint.post(CHAT, endpoint.chat("하나 둘 셋")))
    await running(server, 1)
    endpoint.start_live(2)
    await server.until(lambda s: s.aborted == 1)
    assert endpoint.slots.waiting == 1
    server.silent_after = None
    await endpoint.end_live()
    status, body = await asked
    assert (status, body["choices"][0]["message"]["content"]) == (200, "에코: 하나 둘 셋")
    assert server.started == 2


async def test_a_stream_that_loses_its_slot_ends_with_an_error(
    server: EngineServer, endpoint: ApiEndpoint
) -> None:
    server.silent_after = 2
    body = endpoint.chat("하나 둘 셋 넷 다섯", stream=True)
    async with endpoint.http.post(endpoint.url + CHAT, json=body) as response:
        assert b"assistant" in await response.content.readline()
        endpoint.start_live(2)
        rest = (await response.text()).split("data: ")[1:]
    assert json.loads(rest[-2])["error"]["code"] == "preempted"
    assert rest[-1].strip() == "[DONE]"


@pytest.mark.parametrize("streams", [False, True])
async def test_a_client_that_goes_away_stops_the_generation_and_frees_the_slot(
    server: EngineServer, endpoint: ApiEndpoint, streams: bool
) -> None:
    server.silent_after = 1
    asked = asyncio.create_task(endpoint.post(CHAT, endpoint.chat("하나 둘 셋", stream=streams)))
    await running(server, 1)
    asked.cancel()
    await asyncio.gather(asked, return_exceptions=True)
    await server.until(lambda s: s.aborted == 1)
    async with asyncio.timeout(30):
        while endpoint.slots.free < 1:
            await asyncio.sleep(0.01)


async def test_a_client_that_goes_away_while_it_waits_leaves_the_queue(
    endpoint: ApiEndpoint,
) -> None:
    endpoint.start_live(2)
    asked = asyncio.create_task(endpoint.post(CHAT, endpoint.chat()))
    async with asyncio.timeout(30):
        while endpoint.slots.waiting == 0:
            await asyncio.sleep(0.01)
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)
        while endpoint.slots.waiting:
            await asyncio.sleep(0.01)


async def test_a_queues_job_is_answered_while_requests_fill_the_worker(desk: Desk) -> None:
    """The whole worker: five requests of the endpoint hang, and a live job is answered."""
    async with (
        served() as (server, engine),
        running_worker(*desk.urls, engine, slots=2) as worker,
        api_server(worker.served, host="127.0.0.1", port=0, keys=()) as port,
    ):
        async with asyncio.timeout(30):
            while worker.status().state != "ready":
                await asyncio.sleep(0.02)
        async with api_endpoint(engine) as endpoint:
            endpoint.url = f"http://127.0.0.1:{port}"
            server.silent_after = 1
            asked = [
                asyncio.create_task(endpoint.post(CHAT, endpoint.chat("하나 둘"))) for _ in range(5)
            ]
            await running(server, 1)  # one fewer than there are slots
            assert worker.served.slots.waiting == 4
            server.silent_after = None
            await desk.put("급한 질문")
            result = await desk.result()
            assert isinstance(result, Completion)
            assert result.text == "에코: 급한 질문"
            for task in asked:
                task.cancel()
            await asyncio.gather(*asked, return_exceptions=True)
            status, _ = await endpoint.post(CHAT, endpoint.chat())
            assert status == 200
