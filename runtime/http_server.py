"""What every HTTP server of the product shares: no request body is unpacked, or holds up others.

aiohttp unpacks a body in its parser, before any handler has seen the sender, and goes on with the
rest of a refused one: a megabyte of gzip holds the event loop for seconds. And it takes all that
has arrived of a body in one step: of tiny chunks, each connection holds the loop for 60 ms a time.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from aiohttp import hdrs, web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.typedefs import Handler

#: The time in which the rest of a refused body is read and thrown away, so that the client reads
#: its answer instead of a connection error.
LINGER_S = 3.0

#: ``handler_args`` of every root ``web.Application``: aiohttp's settings for a connection. A
#: sixteenth of the buffer is the maximum of chunks that are parsed in one step.
CONNECTION_SETTINGS = {"auto_decompress": False, "lingering_time": 0.0, "read_bufsize": 2**15}

#: Browsers keep 180 for a site. Each takes microseconds to parse: a header of them 9 ms.
MAX_COOKIES = 200

#: Errors of a body whose transfer is cut off or not HTTP.
BODY_ERRORS = (web.RequestPayloadError, HttpProcessingError, ConnectionError)


async def body_parts(request: web.Request) -> AsyncIterator[bytes]:
    """The body as it arrives; between two parts others have their turn. Raises BODY_ERRORS."""
    while part := await request.content.readany():
        yield part
        await asyncio.sleep(0)


@web.middleware
async def discard_unread_bodies(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Send the response to a request whose body was not read, then throw the rest away."""
    try:
        response = await handler(request)
    except web.HTTPException as error:
        await _discard_rest(request, error)
        raise
    await _discard_rest(request, response)
    return response


@web.middleware
async def refuse_costly_requests(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse what would take long to read, before anything of it is read.

    A Content-Encoding is answered with 415 and the codings that are taken (RFC 9110, 15.5.16), more
    cookies than a browser sends with 431.
    """
    if hdrs.CONTENT_ENCODING in request.headers:
        return _packed_refused()
    if request.headers.get(hdrs.COOKIE, "").count(";") >= MAX_COOKIES:
        return web.json_response({"error": "too many cookies"}, status=431)
    return await handler(request)


def _packed_refused() -> web.Response:
    response = web.json_response(
        {"error": "a body with a Content-Encoding is not read"},
        status=415,
        headers={hdrs.ACCEPT_ENCODING: "identity"},
    )
    response.force_close()
    return response


async def _discard_rest(request: web.Request, response: web.StreamResponse) -> None:
    # A file cannot be prepared twice: behind it the connection is closed at once.
    if request.content.is_eof() or isinstance(response, web.FileResponse):
        return
    with contextlib.suppress(TimeoutError, *BODY_ERRORS):
        await response.prepare(request)
        await response.write_eof()
        async with asyncio.timeout(LINGER_S):
            async for _ in body_parts(request):
                pass
