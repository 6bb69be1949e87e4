"""What the stand-ins share: a real server on a free port, and the ways a platform fails."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from enum import StrEnum

from aiohttp import web

#: More than any run gives out: a platform forgets no address before its time is over.
MAX_ADDRESSES = 200_000


class Fault(StrEnum):
    """How the platform fails on a request. The message counts as shown in TIME_OUT, CUT and SLOW:
    a bot that sends it again after one of them shows it twice."""

    TIME_OUT = "time out"  #: takes the message and never answers
    CUT = "cut"  #: takes the message and closes the connection without an answer
    SLOW = "slow"  #: answers after ``slow_s`` seconds
    DROPPED = "dropped"  #: shows nothing and closes the connection without an answer
    SERVER_ERROR = "500"  #: shows nothing
    RATE_LIMITED = "429"  #: shows nothing; Retry-After says when to come back
    INVALID_TOKEN = "invalid token"  #: shows nothing; the address is not known (Kakao)


class Faults:
    """Which fault meets the next request: those queued by ``once`` first, then ``always``."""

    def __init__(self) -> None:
        self.always: Fault | None = None
        self.slow_s = 0.3
        self.retry_after_s = 1
        self._queued: deque[Fault | None] = deque()
        self._closing = asyncio.Event()

    def once(self, *faults: Fault | None) -> None:
        """Meet the next requests with these, one each; None is a request without a fault."""
        self._queued.extend(faults)

    def forget(self) -> None:
        """Meet no further request with a fault."""
        self._queued.clear()
        self.always = None

    def take(self) -> Fault | None:
        return self._queued.popleft() if self._queued else self.always

    def close(self) -> None:
        self._closing.set()

    async def answer(
        self, fault: Fault | None, request: web.Request, response: web.Response
    ) -> web.Response:
        """The response, or what the fault makes of it."""
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
    """Serve the application on 127.0.0.1 and a free port; yields its origin, "http://host:port"."""
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
    """Lets a test wait until so many of something have come."""

    def __init__(self) -> None:
        self._changed = asyncio.Condition()

    async def note(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def until(self, holds: Callable[[], bool], timeout_s: float) -> None:
        """Wait until it holds; raises TimeoutError."""
        async with asyncio.timeout(timeout_s), self._changed:
            await self._changed.wait_for(holds)
