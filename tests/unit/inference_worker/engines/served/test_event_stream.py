"""The connections to an inference server that answers share, and their end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing

import httpx2
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from inference_worker.engines.served.event_stream import EventStreams

EVENT = b'data: {"choices": [{"delta": {"content": "\xec\x95\x88"}}]}\n\n'


class Server:
    """Answers with one event, and goes on for ever where it is asked to."""

    def __init__(self) -> None:
        self.connections: set[tuple[str, int]] = set()
        self.left = asyncio.Event()
        self.url = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        self.connections.add(request.transport.get_extra_info("peername"))
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            await response.write(EVENT)
            while (await request.json()).get("endless"):
                await asyncio.sleep(0.01)
                await response.write(EVENT)
        except (ConnectionError, asyncio.CancelledError):
            self.left.set()
            raise
        await response.write(b"data: [DONE]\n\n")
        return response


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    made, app = Server(), web.Application()
    app.router.add_post("/", made.answer)
    async with TestServer(app, host="127.0.0.1") as running:
        made.url = str(running.make_url("/"))
        yield made


@pytest.fixture
async def streams() -> AsyncIterator[EventStreams]:
    made = EventStreams()
    yield made
    await made.close()


async def read(streams: EventStreams, url: str) -> list[object]:
    async with aclosing(await streams.open(url, {}, headers={}, connect_timeout_s=60)) as events:
        return [event async for event in events]


async def test_answers_one_after_the_other_share_a_connection(
    server: Server, streams: EventStreams
) -> None:
    for _ in range(5):
        assert len(await read(streams, server.url)) == 2  # the text, and the end
    assert len(server.connections) == 1


async def test_answers_at_once_have_a_connection_each(
    server: Server, streams: EventStreams
) -> None:
    async with AsyncExitStack() as stack:
        for _ in range(5):
            asked = streams.open(server.url, {"endless": True}, headers={}, connect_timeout_s=60)
            await anext(await stack.enter_async_context(aclosing(await asked)))
        assert len(server.connections) == 5


async def test_a_reader_who_leaves_ends_the_answer_at_the_server(
    server: Server, streams: EventStreams
) -> None:
    asked = streams.open(server.url, {"endless": True}, headers={}, connect_timeout_s=60)
    async with aclosing(await asked) as events:
        await anext(events)
    async with asyncio.timeout(60):
        await server.left.wait()


async def _refuse(_request: web.Request) -> web.Response:
    return web.json_response({"error": "너무 길어요"}, status=422)


async def _refuse_slowly(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(status=422, headers={"content-type": "application/json"})
    await response.prepare(request)
    for part in ('{"error": "너무', " 길어", '요"}'):
        await response.write(part.encode())
        await asyncio.sleep(0.01)
    return response


async def test_a_refusal_that_comes_in_parts_is_read_whole(streams: EventStreams) -> None:
    app = web.Application()
    app.router.add_post("/", _refuse_slowly)
    async with TestServer(app, host="127.0.0.1") as server:
        with pytest.raises(httpx2.HTTPStatusError) as refused:
            await read(streams, str(server.make_url("/")))
    assert refused.value.response.json() == {"error": "너무 길어요"}


async def test_nobody_there_is_a_connect_error(streams: EventStreams) -> None:
    server = TestServer(web.Application(), host="127.0.0.1")
    await server.start_server()
    url = str(server.make_url("/"))
    await server.close()
    with pytest.raises(httpx2.ConnectError):
        await read(streams, url)


async def test_a_refusal_carries_its_reason(streams: EventStreams) -> None:
    app = web.Application()
    app.router.add_post("/", _refuse)
    async with TestServer(app, host="127.0.0.1") as server:
        with pytest.raises(httpx2.HTTPStatusError) as refused:
            await read(streams, str(server.make_url("/")))
    assert refused.value.response.json() == {"error": "너무 길어요"}
