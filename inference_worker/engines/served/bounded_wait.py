"""Waits for an inference server: bounded by the deadline, by a long silence, and by ``close``."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from inference_worker.engines.served.errors import CALL_ERRORS, broken, translate, unavailable
from inference_worker.errors import EngineError

T = TypeVar("T")


class Bounded(Protocol):
    """A request with a deadline."""

    def remaining_s(self) -> float:
        """Seconds until it."""


class DeadlineReached(Exception):
    """The job's deadline came while the server was generating."""


@dataclass(slots=True, eq=False)
class _Wait:
    """One wait: a task that is cancelled at a time of the loop's clock."""

    task: asyncio.Task[Any]
    ends_at: float
    cancelling: int  #: requests to cancel the task that were there before
    has_ended: bool = False

    def end(self) -> None:
        """Cancel the task, once."""
        if not self.has_ended:
            self.has_ended = True
            self.task.cancel()


class BoundedWaits:
    """All waits of one engine, whichever connection they use; closing ends each at once.

    One timer serves them all: every piece of every answer is waited for, and hardly one is late.
    """

    def __init__(self) -> None:
        self._waits: set[_Wait] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._looks_at = math.inf
        self._is_closed = False

    async def wait(self, step: Awaitable[T], job: Bounded, *, silence_s: float, address: str) -> T:
        """The result of ``step``. Raises DeadlineReached, or EngineError with the cause."""
        limit_s = 0.0 if self._is_closed else max(min(silence_s, job.remaining_s()), 0.0)
        wait = self._begin(limit_s)
        try:
            return await step
        except asyncio.CancelledError:
            # As asyncio.timeout does: somebody else may have cancelled the task, too.
            if not wait.has_ended or wait.task.uncancel() > wait.cancelling:
                raise
        except CALL_ERRORS as error:
            self.check_open(address)
            raise translate(error, address) from error
        finally:
            self._waits.discard(wait)
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
        for wait in self._waits:
            wait.end()

    def _begin(self, limit_s: float) -> _Wait:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("only a task can wait")
        loop = asyncio.get_running_loop()
        wait = _Wait(task, loop.time() + limit_s, task.cancelling())
        self._waits.add(wait)
        if wait.ends_at < self._looks_at:
            self._look_at(wait.ends_at)
        return wait

    def _look_at(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._looks_at = when
        self._timer = asyncio.get_running_loop().call_at(when, self._look)

    def _look(self) -> None:
        """End the waits that are late, and look again when the next one would be."""
        now = asyncio.get_running_loop().time()
        self._timer, self._looks_at = None, math.inf
        next_at = math.inf
        for wait in self._waits:
            if wait.ends_at <= now:
                wait.end()
            else:
                next_at = min(next_at, wait.ends_at)
        if next_at < math.inf:
            self._look_at(next_at)


def closed(address: str) -> EngineError:
    """The engine was not started, or has been closed."""
    return unavailable(address, "is not in use: the engine is closed", retryable=True)
