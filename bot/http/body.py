"""A request's body: read whole, bounded in time."""

from __future__ import annotations

import asyncio

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

#: What a body may take: Kakao gives up on the whole exchange after five seconds, Slack after three.
BODY_S = 3.0


async def read_body(request: web.Request) -> bytes:
    """The request's whole body, kept for later readers too.

    Raises HTTPRequestTimeout, HTTPRequestEntityTooLarge, and HTTPBadRequest for a transfer that
    is broken off or no HTTP.
    """
    try:
        if request.content.is_eof():  # it came with the headers, as nearly all do
            return await request.read()
        async with asyncio.timeout(BODY_S):
            return await request.read()
    except TimeoutError:
        raise web.HTTPRequestTimeout from None
    except (web.RequestPayloadError, HttpProcessingError, ConnectionError):
        raise web.HTTPBadRequest from None
