"""Waits that end in time: for work that may not be cancelled at once, and for a wake-up."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


_abandoned: set[asyncio.Task[Any]] = set()


async def run_with_timeout(seconds: float, work: Coroutine[Any, Any, T]) -> T:
    """The result of ``work``, or TimeoutError after ``seconds``.

    Unlike asyncio.timeout it does not wait for the cancellation: closing a connection to a frozen
    server takes a driver seconds, which a webhook does not have.
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


async def wait_at_most(seconds: float, woken: asyncio.Event) -> None:
    """Wait until the event is set, which is cleared; at the latest after ``seconds``.

    A timer that sets it costs a tenth of asyncio.wait_for, whose task every message would pay.
    """
    timer = asyncio.get_running_loop().call_later(seconds, woken.set)
    try:
        await woken.wait()
    finally:
        timer.cancel()
    woken.clear()


def _forget(task: asyncio.Task[Any]) -> None:
    _abandoned.discard(task)
    if not task.cancelled():
        task.exception()
