"""Shared by the platforms' stand-ins: a real server on a free port, and its faults."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from enum import StrEnum

from aiohttp import web

#: More URLs than any run issues: a stand-in forgets none before it expires.
MAX_URLS = 200_000


class Fault(StrEnum):
    """How the platform fails on a request.

    The message counts as shown after TIME_OUT, CUT and SLOW: sending it again shows it twice.
    """

    TIME_OUT = "time out"  #: accepts the message and never responds
    CUT = "cut"  #: accepts the message and closes the connection without a response
    SLOW = "slow"  #: responds after ``slow_s`` seconds
    DROPPED = "dropped"  #: shows nothing and closes the connection without a response
    SERVER_ERROR = "500"  #: shows nothing
    RATE_LIMITED = "429"  #: shows nothing; with Retry-After
    INVALID_TOKEN = "invalid token"  #: shows nothing; the URL is unknown (Kakao)


class Faults:
    """The faults of the next requests: those queued by ``once``, then ``always``."""

    def __init__(self) -> None:
        self.always: Fault | None = None
        self.slow_s = 0.3
        self.retry_after_s = 1
        self._queued: deque[Fault | None] = deque()
        self._closing = asyncio.Event()

    def once(self, *faults: Fault | None) -> None:
        """Queue faults for the next requests, one each; None: no fault."""
        self._queued.extend(faults)

    def forget(self) -> None:
        """Clear all faults."""
        self._queued.clear()
        self.always = None

    def take(self) -> Fault | None:
        return self._queued.popleft() if self._queued else self.always

    def close(self) -> None:
        self._closing.set()

    async def answer(
        self, fault: Fault | None, request: web.Request, response: web.Response
    ) -> web.Response:
        """Respond, or fail as the fault says."""
        if fault is Fault.TIME_OUT:
            await self._closing.wait()
        elif fault is Fault.SLOW:
            await asyncio.sleep(self.slow_s)
        if fault in {Fault.TIME_OUT, Fault.CUT, Fault.DROPPED} and request.transport is not None:
            request.transport.abort()
        return response


@asynccontextmanager
async def serving(
    app: web.Application, before_close: Callable[[], object] | None = None
) -> AsyncIterator[str]:
    """Serve the application on a free port of 127.0.0.1; yields its origin."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=2)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        if before_close is not None:
            before_close()
        await runner.cleanup()


class Arrivals:
    """Lets a test wait for requests."""

    def __init__(self) -> None:
        self._changed = asyncio.Condition()

    async def note(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def until(self, holds: Callable[[], bool], timeout_s: float) -> None:
        """Wait until the condition holds; raises TimeoutError."""
        async with asyncio.timeout(timeout_s), self._changed:
            await self._changed.wait_for(holds)
