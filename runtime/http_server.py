"""What every HTTP server of the product shares: request bodies are never unpacked.

aiohttp unpacks a body in its parser, before any handler has seen the sender, and goes on with the
rest of a refused one: a megabyte of gzip holds the event loop for seconds.
"""

from __future__ import annotations

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

#: The time in which the rest of a refused body is read and thrown away, so that the client reads
#: its answer instead of a connection error.
LINGER_S = 3.0

#: ``handler_args`` of every root ``web.Application``: aiohttp's settings for a connection.
CONNECTION_SETTINGS = {"auto_decompress": False, "lingering_time": LINGER_S}


@web.middleware
async def refuse_packed_bodies(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer any Content-Encoding with 415 and the codings that are taken (RFC 9110, 15.5.16)."""
    if hdrs.CONTENT_ENCODING not in request.headers:
        return await handler(request)
    response = web.json_response(
        {"error": "a body with a Content-Encoding is not read"},
        status=415,
        headers={hdrs.ACCEPT_ENCODING: "identity"},
    )
    response.force_close()
    return response
