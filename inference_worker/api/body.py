"""A request's body: bounded in size, time and depth, and a JSON object."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
from aiohttp import web

from inference_worker.api.errors import ApiError
from runtime.http_server import BODY_ERRORS, body_parts

#: A conversation that fills Llama 3's context takes some 40 kB, its pictures a megabyte.
MAX_BODY_BYTES = 2 * 1024 * 1024
#: The time-out of a body.
BODY_S = 10.0


async def read_object(request: web.Request) -> dict[str, Any]:
    """The body's JSON object. Raises ApiError.

    orjson refuses invalid UTF-8, lone surrogates, NaN, and nesting beyond 1,024 levels.
    """
    body = await _read(request)
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        reason = str(error).partition(":")[0]
        raise ApiError(400, f"The body is not JSON: {reason}.", "invalid_json") from None
    if not isinstance(value, dict):
        raise ApiError(400, 'The body must be a JSON object, such as {"model": ...}.')
    return value


async def _read(request: web.Request) -> bytes:
    body = bytearray()
    if (request.content_length or 0) > MAX_BODY_BYTES:
        raise _too_large()
    try:
        async with asyncio.timeout(BODY_S):
            async for part in body_parts(request):
                body += part
                if len(body) > MAX_BODY_BYTES:
                    raise _too_large()
    except TimeoutError:
        sentence = f"The body did not arrive within {BODY_S:g} seconds: send it again."
        raise ApiError(408, sentence, "timeout") from None
    except BODY_ERRORS:
        raise ApiError(400, "The body broke off: send it again.", "broken_body") from None
    return bytes(body)


def _too_large() -> ApiError:
    sentence = f"The body is larger than {MAX_BODY_BYTES} bytes: send less."
    return ApiError(413, sentence, "body_too_large")
