"""Background tasks: referenced until done, errors logged, cancellation repeated."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import structlog

log = structlog.get_logger(__name__)

T = TypeVar("T")


class TaskSet:
    """Tasks that are not awaited one by one. Keeps them referenced and logs their errors."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    def start(self, work: Coroutine[Any, Any, T], *, name: str | None = None) -> asyncio.Task[T]:
        """Run ``work`` in a task of this set."""
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._forget)
        return task

    async def finish(self, work: Coroutine[Any, Any, T]) -> T:
        """Run ``work`` in a task of this set, which goes on if the caller is cancelled."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            task.add_done_callback(_tell_error)
            raise

    async def wait(self) -> None:
        """Return once all tasks are done, including those started meanwhile."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def wait_for_started(self) -> None:
        """Return once the current tasks are done, not those started by them."""
        if self._tasks:
            await asyncio.wait(self._tasks)

    def cancel_soon(self) -> None:
        """Cancel the tasks; they end when they next run."""
        for task in self._tasks:
            task.cancel()

    async def cancel(self) -> None:
        """Cancel the tasks, repeatedly, until they are done."""
        await cancel_and_wait(*self._tasks)

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("task_failed", task=task.get_name(), exc_info=error)


def _tell_error(task: asyncio.Task[Any]) -> None:
    """Log the error that its caller would have heard of. Such ends are no faults of the code."""
    if not task.cancelled() and (error := task.exception()) is not None:
        log.warning("task_failed", task=task.get_name(), error=type(error).__name__)


async def cancel_and_wait(*tasks: asyncio.Task[Any]) -> None:
    """Cancel the tasks, repeatedly, until they are done.

    redis-py can mistake a cancellation for its own time-out, and the task continues.
    """
    while running := [task for task in tasks if not task.done()]:
        for task in running:
            task.cancel()
        await asyncio.wait(running, timeout=0.1)
