"""Waits that end on time, whatever is waited for: a frozen server, a body that trickles in."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

T = TypeVar("T")

#: What a body may take: Kakao gives up on the whole exchange after five seconds, Slack after three.
BODY_S = 3.0

_abandoned: set[asyncio.Task[Any]] = set()


async def within(seconds: float, work: Coroutine[Any, Any, T]) -> T:
    """The result of ``work``, or TimeoutError after ``seconds``.

    Unlike asyncio.timeout it does not wait for the cancellation: a driver closing its connection
    to a frozen server takes seconds that a webhook does not have.
    """
    task = asyncio.ensure_future(work)
    try:
        done, _ = await asyncio.wait({task}, timeout=max(seconds, 0))
    except asyncio.CancelledError:
        task.cancel()
        raise
    if not done:
        _abandoned.add(task)
        task.add_done_callback(_forget)
        task.cancel()
        raise TimeoutError
    return task.result()


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


def _forget(task: asyncio.Task[Any]) -> None:
    _abandoned.discard(task)
    if not task.cancelled():
        task.exception()
