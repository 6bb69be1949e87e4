"""The connections to an inference server that answers share, and their end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from pathlib import Path

import httpx2
import orjson
import pytest
from aiohttp import encode_basic_auth, web
from aiohttp.test_utils import TestServer

from inference_worker.engines.served.discovery import authorization
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


async def test_what_is_asked_after_the_close_opens_no_connection(
    server: Server, streams: EventStreams
) -> None:
    await read(streams, server.url)
    await streams.close()
    with pytest.raises(httpx2.RemoteProtocolError):
        await read(streams, server.url)
    assert len(server.connections) == 1


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


async def test_a_refusal_that_repeats_the_request_is_read_whole(streams: EventStreams) -> None:
    reason = {"error": "입력이 너무 길어요", "input": "data:image/png;base64," + "A" * 1_000_000}

    async def refuse(_request: web.Request) -> web.Response:
        return web.json_response(reason, status=422)

    async with serving(refuse) as url:
        with pytest.raises(httpx2.HTTPStatusError) as refused:
            await read(streams, url)
    assert refused.value.response.json() == reason


async def test_a_request_with_large_pictures_is_sent_whole(streams: EventStreams) -> None:
    arrived = []

    async def answer(request: web.Request) -> web.Response:
        arrived.append((request.content_type, request.content_length, len(await request.read())))
        return web.Response(body=EVENT)

    app = web.Application(client_max_size=4_000_000)
    app.router.add_post("/", answer)
    async with TestServer(app, host="127.0.0.1") as server:
        body = {"messages": ["A" * 2_000_000]}
        url = str(server.make_url("/"))
        asked = streams.open(url, body, headers={}, connect_timeout_s=60)
        async with aclosing(await asked) as events:
            assert [event async for event in events]
    size = len(orjson.dumps(body))
    assert arrived == [("application/json", size, size)]


async def test_a_kept_connection_that_the_server_closes_fails_no_answer(
    streams: EventStreams,
) -> None:
    async with closing_server(answers_of_a_connection=1) as url:
        for _ in range(4):
            assert await read(streams, url)


async def test_a_second_response_to_one_request_answers_no_other(streams: EventStreams) -> None:
    """It may hold somebody else's words."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for event in (EVENT, b'data: {"stray": 1}\n\n'):
            if event == EVENT:
                await reader.readuntil(b"{}")
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(event) + event)
            await asyncio.sleep(0.02)
        await reader.read()
        writer.close()
        await writer.wait_closed()
        left.release()

    left = asyncio.Semaphore(0)
    async with await asyncio.start_server(serve, "127.0.0.1") as listening:
        url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/"
        first = await read(streams, url)
        await asyncio.sleep(0.1)
        assert await read(streams, url) == first
        await streams.close()
        for _ in range(2):
            await left.acquire()


async def test_a_server_that_dies_of_a_request_is_no_server_that_was_never_there(
    streams: EventStreams,
) -> None:
    """Otherwise the job would be tried without an end."""
    async with closing_server(answers_of_a_connection=1, dies=True) as url:
        assert await read(streams, url)
        with pytest.raises(httpx2.RemoteProtocolError):
            await read(streams, url)


async def test_a_new_connection_that_is_closed_at_once_is_not_tried_again(
    streams: EventStreams,
) -> None:
    async with closing_server(answers_of_a_connection=0) as url:
        with pytest.raises(httpx2.RemoteProtocolError):
            await read(streams, url)


async def test_an_answer_that_is_whole_may_end_in_a_broken_response(streams: EventStreams) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(EVENT + b"data: [DONE]\n\n")
        assert request.transport is not None
        request.transport.close()
        return response

    async with serving(answer) as url:
        assert len(await read(streams, url)) == 2


@pytest.mark.parametrize("host", ["machine 127.0.0.1", "default"])
async def test_a_netrc_file_changes_no_request(
    streams: EventStreams, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    (tmp_path / "netrc").write_text(f"{host} login me password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert await logins(streams) == [None, "Bearer key"]


async def test_a_login_in_the_url_counts_before_the_key(streams: EventStreams) -> None:
    basic = encode_basic_auth("me", "secret")
    assert await logins(streams, login="me:secret@") == [basic, basic]


async def test_a_proxy_of_the_environment_is_used(
    streams: EventStreams, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    async def forward(request: web.Request) -> web.Response:
        asked.append(str(request.url))
        return web.Response(body=EVENT)

    async with serving(forward) as proxy:
        monkeypatch.setenv("http_proxy", proxy.removeprefix("http://"))
        monkeypatch.setenv("no_proxy", "inside.test")
        assert await read(streams, "http://model.test/")
        with pytest.raises(httpx2.ConnectError):
            await read(streams, "http://inside.test/")
    assert asked == ["http://model.test/"]


async def logins(streams: EventStreams, *, login: str = "") -> list[str | None]:
    """The ``Authorization`` that arrives without a key, and with one."""
    arrived = []

    async def answer(request: web.Request) -> web.Response:
        arrived.append(request.headers.get("authorization"))
        return web.Response(body=EVENT)

    async with serving(answer) as url:
        asked = url.replace("://", f"://{login}")
        for headers in ({}, authorization("key")):
            opened = await streams.open(asked, {}, headers=headers, connect_timeout_s=60)
            async with aclosing(opened) as events:
                assert [event async for event in events]
    return arrived


@asynccontextmanager
async def serving(
    answer: Callable[[web.Request], Awaitable[web.StreamResponse]],
) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/{rest:.*}", answer)
    async with TestServer(app, host="127.0.0.1") as server:
        yield str(server.make_url("/"))


@asynccontextmanager
async def closing_server(*, answers_of_a_connection: int, dies: bool = False) -> AsyncIterator[str]:
    """Closes a connection when the request after so many arrives, as if both came at once."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(answers_of_a_connection):
            await reader.readuntil(b"{}")
            length = f"content-length: {len(EVENT)}\r\n\r\n".encode()
            writer.write(b"HTTP/1.1 200 OK\r\n" + length + EVENT)
        await reader.readuntil(b"{}")
        if dies:
            listening.close()
        writer.transport.abort()

    listening = await asyncio.start_server(serve, "127.0.0.1")
    async with listening:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/"
