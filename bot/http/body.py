"""A request's whole body, read within a time-out."""

from __future__ import annotations

import asyncio

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

#: The time-out of a body: Kakao gives up on the exchange after five seconds, Slack after three.
BODY_S = 3.0


async def read_body(request: web.Request) -> bytes:
    """The request's whole body, also kept for later reads.

    Raises HTTPRequestTimeout, HTTPRequestEntityTooLarge, and HTTPBadRequest for a transfer that
    is cut off or not HTTP.
    """
    try:
        if request.content.is_eof():  # it arrived with the headers, the usual case
            return await request.read()
        async with asyncio.timeout(BODY_S):
            return await request.read()
    except TimeoutError:
        raise web.HTTPRequestTimeout from None
    except (web.RequestPayloadError, HttpProcessingError, ConnectionError):
        raise web.HTTPBadRequest from None
