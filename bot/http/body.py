"""A request's whole body, read within a time-out."""

from __future__ import annotations

import asyncio

from aiohttp import web

from runtime.http_server import BODY_ERRORS, body_parts

#: The time-out of a body: Kakao gives up on the exchange after five seconds, Slack after three.
BODY_S = 3.0


async def read_body(request: web.Request) -> bytes:
    """The request's whole body; also kept for later reads, unless its length is unknown.

    Raises HTTPRequestTimeout, HTTPRequestEntityTooLarge, and HTTPBadRequest for a transfer that
    is cut off or not HTTP.
    """
    try:
        if request.content.is_eof():  # it arrived with the headers, the usual case
            return await request.read()
        async with asyncio.timeout(BODY_S):
            if request.content_length is None:
                return await _read_chunks(request)
            return await request.read()
    except TimeoutError:
        raise web.HTTPRequestTimeout from None
    except BODY_ERRORS:
        raise web.HTTPBadRequest from None


async def _read_chunks(request: web.Request) -> bytes:
    """A body of any number of chunks, a few at a time."""
    body = bytearray()
    async for part in body_parts(request):
        body += part
        if len(body) > request.client_max_size:
            raise web.HTTPRequestEntityTooLarge(request.client_max_size, len(body))
    return bytes(body)
