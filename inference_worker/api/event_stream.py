"""Server-sent events to one client."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
from aiohttp import web

from inference_worker.api.errors import ApiError

#: The longest wait for a client that does not read, in seconds: it holds a slot meanwhile.
WRITE_S = 30.0

_HEADERS = {"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-store"}
_DONE = b"data: [DONE]\n\n"


class EventStream:
    """The response, begun with its first event: an error before it has a status of its own."""

    def __init__(self, request: web.Request) -> None:
        self.response = web.StreamResponse(headers=_HEADERS)
        self._request = request

    async def send(self, *events: dict[str, Any]) -> None:
        """Send events. Raises ConnectionError where the client is gone or does not read."""
        data = b"".join(b"data: " + orjson.dumps(event) + b"\n\n" for event in events)
        await self._write(data)

    async def fail(self, error: ApiError) -> web.StreamResponse:
        """End with an error; with its status where nothing has been sent."""
        if not self.response.prepared:
            return error.response()
        await self.send(error.body())
        return await self.end()

    async def end(self) -> web.StreamResponse:
        """Send the last event, and return the response."""
        await self._write(_DONE)
        await self.response.write_eof()
        return self.response

    async def _write(self, data: bytes) -> None:
        try:
            async with asyncio.timeout(WRITE_S):
                if not self.response.prepared:
                    await self.response.prepare(self._request)
                await self.response.write(data)
        except TimeoutError:
            if self._request.transport is not None:
                self._request.transport.abort()
            raise ConnectionResetError("the client does not read") from None
