"""Waits for an inference server: bounded by the deadline, by a long silence, and by ``close``."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Protocol, TypeVar

from inference_worker.engines.served.errors import CALL_ERRORS, broken, translate, unavailable
from inference_worker.errors import EngineError

T = TypeVar("T")


class Bounded(Protocol):
    """A request with a deadline."""

    def remaining_s(self) -> float:
        """Seconds until it."""


class DeadlineReached(Exception):
    """The job's deadline came while the server was generating."""


class BoundedWaits:
    """All waits of one engine, whichever connection they use; closing ends each at once."""

    def __init__(self) -> None:
        self._timeouts: set[asyncio.Timeout] = set()
        self._is_closed = False

    async def wait(self, step: Awaitable[T], job: Bounded, *, silence_s: float, address: str) -> T:
        """The result of ``step``. Raises DeadlineReached, or EngineError with the cause."""
        limit_s = 0.0 if self._is_closed else max(min(silence_s, job.remaining_s()), 0.0)
        timeout = asyncio.timeout(limit_s)
        try:
            async with timeout:
                self._timeouts.add(timeout)
                return await step
        except CALL_ERRORS as error:
            self.check_open(address)
            if not (isinstance(error, TimeoutError) and timeout.expired()):
                raise translate(error, address) from error
        finally:
            self._timeouts.discard(timeout)
        self.check_open(address)
        if job.remaining_s() <= 0:
            raise DeadlineReached
        raise broken(address, f"has been silent for {silence_s:g} s")

    def check_open(self, address: str) -> None:
        """Raises EngineError once closed."""
        if self._is_closed:
            raise closed(address)

    def close(self) -> None:
        """End every wait: its reader gets an EngineError."""
        self._is_closed = True
        now = asyncio.get_running_loop().time()
        for timeout in self._timeouts:
            if not timeout.expired():
                timeout.reschedule(now)


def closed(address: str) -> EngineError:
    """The engine was not started, or has been closed."""
    return unavailable(address, "is not in use: the engine is closed", retryable=True)
