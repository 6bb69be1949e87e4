"""Batches with isolation: a bad item does not stop the others.

A batch that fails is split, and each item is tried alone. An outage is raised: there, waiting
helps. A fault belongs to its item: both are passed to ``on_fault``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, TypeVar

from runtime.database import is_gone
from runtime.timeouts import run_with_timeout

Item = TypeVar("Item")

#: With a frozen server every statement times out; with a stuck row, only that row's statement.
MAX_CONSECUTIVE_TIMEOUTS = 3


async def run_isolated(
    items: Sequence[Item],
    work: Callable[[Sequence[Item]], Coroutine[Any, Any, object]],
    *,
    on_fault: Callable[[Item, Exception], Awaitable[None]],
    timeout_s: float,
) -> None:
    """Run ``work`` over all items; if that fails, over each item alone.

    ``timeout_s`` bounds each call. ``work`` must be repeatable: it runs again over the items of a
    failed batch. Raises database errors of an outage.
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
    """Whether no item can be the cause. A time-out is no outage: one row may be locked."""
    return is_gone(error) and not isinstance(error, TimeoutError)


async def run_each_alone(
    items: Sequence[Item],
    work: Callable[[Sequence[Item]], Coroutine[Any, Any, object]],
    *,
    on_fault: Callable[[Item, Exception], Awaitable[None]],
    timeout_s: float,
) -> None:
    """Like ``run_isolated``, for items whose batch has already failed."""
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
    """Report time-outs as faults: the server has answered since, so their rows are the cause."""
    for item, error in timeouts:
        await on_fault(item, error)
    return []
