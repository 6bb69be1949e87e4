"""Writing events to a client that does not read them."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web

from bot.http import server_sent_events
from bot.http.server_sent_events import ClientGoneError, EventWriter
from fakes.faults import serving


async def test_a_client_that_does_not_read_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_sent_events, "WRITE_TIMEOUT_S", 0.1)
    gone = asyncio.Event()

    async def stream(request: web.Request) -> web.StreamResponse:
        writer = EventWriter(request)
        await writer.begin()
        try:
            while True:
                await writer.send("token", {"text": "가" * 100_000})
        except ClientGoneError:
            gone.set()
        return writer.response

    app = web.Application()
    app.router.add_get("/", stream)
    async with serving(app, lambda: None) as origin, asyncio.timeout(20):
        port = int(origin.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        writer.write(b"GET / HTTP/1.1\r\nHost: bot\r\n\r\n")
        await gone.wait()
        # What the system had buffered comes, but no end of the response: it was broken off.
        assert not (await reader.read()).endswith(b"0\r\n\r\n")
        writer.close()
