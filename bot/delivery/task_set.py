"""Tasks that nobody awaits one by one, and that are to end before the process does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class TaskSet:
    """Holds its tasks until they are done: the event loop itself keeps no reference to them."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Begin the work at once."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def drain(self, timeout_s: float) -> None:
        """Wait until all are done, those that are started meanwhile too, or the time is over."""
        ends = time.monotonic() + timeout_s
        while self._tasks and (left_s := ends - time.monotonic()) > 0:
            await asyncio.wait(self._tasks, timeout=left_s)
