"""Loops that continue through database errors."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator

import structlog

from runtime.database import DATABASE_ERRORS, CannotConnectError, fault_fields, is_gone

log = structlog.get_logger(__name__)


class FailureLog:
    """Logs the database errors of a loop: the first one, not one per round."""

    def __init__(self, loop: str) -> None:
        self.failing = ""  #: the last logged event; "" after a successful round
        self._loop = loop

    @contextlib.contextmanager
    def guard(self) -> Iterator[None]:
        """Suppress database errors and log them; other errors are raised."""
        try:
            yield
        except DATABASE_ERRORS as error:
            event = "database_gone" if is_gone(error) else "database_fault"
            # The connector has said that there is no connection, with its cause.
            if event != self.failing and not isinstance(error, CannotConnectError):
                log.warning(event, loop=self._loop, **fault_fields(error))
            self.failing = event
        else:
            self.failing = ""


async def run_periodically(
    work: Callable[[], Awaitable[object]],
    every_s: float,
    *,
    pause: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> None:
    """Run ``work`` with pauses of ``every_s``, until cancelled. Database errors are logged.

    ``pause``: waits for ``every_s``, or for as long as it likes.
    """
    failures = FailureLog(getattr(work, "__qualname__", "periodic"))
    while True:
        with failures.guard():
            await work()
        await pause(every_s)
