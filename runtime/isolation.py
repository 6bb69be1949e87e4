"""Batches in which one bad row costs nobody else anything.

A batch that fails is taken apart, and each item is tried alone. An outage is raised: waiting helps
there. A fault belongs to its item, and is handed to ``on_fault`` with it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, TypeVar

from runtime.database import is_gone
from runtime.timeouts import run_with_timeout

Item = TypeVar("Item")

#: A server that is frozen lets every statement time out; one row that is stuck, only its own.
MAX_CONSECUTIVE_TIMEOUTS = 3


async def run_isolated(
    items: Sequence[Item],
    work: Callable[[Sequence[Item]], Coroutine[Any, Any, object]],
    *,
    on_fault: Callable[[Item, Exception], Awaitable[None]],
    timeout_s: float,
) -> None:
    """Run ``work`` over all items, or over each alone where that fails.

    ``timeout_s`` bounds each call. ``work`` must be repeatable: what a failed batch did is done
    again. Raises what the database raises where it is gone.
    """
    if not items:
        return
    try:
        await run_with_timeout(timeout_s, work(items))
    except Exception as error:
        if is_outage(error):
            raise
        if len(items) == 1:
            await on_fault(items[0], error)
            return
        await run_each_alone(items, work, on_fault=on_fault, timeout_s=timeout_s)


def is_outage(error: BaseException) -> bool:
    """Whether no item can be to blame. A time-out may be one row's: somebody holds its lock."""
    return is_gone(error) and not isinstance(error, TimeoutError)


async def run_each_alone(
    items: Sequence[Item],
    work: Callable[[Sequence[Item]], Coroutine[Any, Any, object]],
    *,
    on_fault: Callable[[Item, Exception], Awaitable[None]],
    timeout_s: float,
) -> None:
    """Like ``run_isolated``, for items that failed as a batch already."""
    timeouts: list[tuple[Item, Exception]] = []
    for item in items:
        try:
            await run_with_timeout(timeout_s, work([item]))
        except TimeoutError as error:
            timeouts.append((item, error))
            if len(timeouts) >= MAX_CONSECUTIVE_TIMEOUTS:
                raise
            continue
        except Exception as error:
            if is_outage(error):
                raise
            await on_fault(item, error)
        timeouts = await _report(timeouts, on_fault)
    await _report(timeouts, on_fault)


async def _report(
    timeouts: list[tuple[Item, Exception]], on_fault: Callable[[Item, Exception], Awaitable[None]]
) -> list[tuple[Item, Exception]]:
    """The server answered somebody since: these time-outs are their rows' own."""
    for item, error in timeouts:
        await on_fault(item, error)
    return []
