"""Server-sent events to one client, which may stop reading or hang up at any time."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Coroutine
from typing import Any

from aiohttp import web

HEARTBEAT_S = 15.0
#: A client that does not read for this long is disconnected.
WRITE_TIMEOUT_S = 10.0
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class ClientGoneError(OSError):
    """The client hung up or does not read."""


class EventWriter:
    """Writes events into the response to one request. Raises ClientGoneError."""

    def __init__(self, request: web.Request) -> None:
        self.response = web.StreamResponse(headers=HEADERS)
        self.response.content_type = "text/event-stream"
        self._request = request
        self._written_at = time.monotonic()

    async def begin(self) -> None:
        """Send the response's head."""
        await self._bounded(self.response.prepare(self._request))

    async def send(self, name: str, document: dict[str, Any]) -> None:
        """Send one event, its data one line of JSON."""
        data = json.dumps(document, ensure_ascii=False)
        await self._bounded(self.response.write(f"event: {name}\ndata: {data}\n\n".encode()))

    async def keep_alive(self) -> None:
        """Send a comment after a long silence. Detects that the client hung up."""
        # aiohttp does not report it, and a silent stream has no write that could fail.
        transport = self._request.transport
        if transport is None or transport.is_closing():
            raise ClientGoneError
        if time.monotonic() - self._written_at > HEARTBEAT_S:
            await self._bounded(self.response.write(b": still here\n\n"))

    async def _bounded(self, writing: Coroutine[Any, Any, object]) -> None:
        try:
            async with asyncio.timeout(WRITE_TIMEOUT_S):
                await writing
        except OSError as error:
            # Data buffered for a client that does not read would keep the connection open for ever.
            if self._request.transport is not None:
                self._request.transport.abort()
            raise ClientGoneError from error
        self._written_at = time.monotonic()
