"""Does work on many things, so many at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from evaluation.errors import EvaluationError

Item = TypeVar("Item")


async def run_all(
    items: Iterable[Item], work: Callable[[Item], Awaitable[None]], *, at_once: int
) -> None:
    """Work on all items, in their order. The first EvaluationError ends it, and is raised."""
    pending = iter(list(items))

    async def go_through() -> None:
        for item in pending:
            await work(item)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(at_once):
                group.create_task(go_through())
    except ExceptionGroup as errors:
        first = errors.subgroup(EvaluationError)
        if first is None:
            raise
        raise _first_of(first) from None


def _first_of(group: ExceptionGroup[EvaluationError]) -> EvaluationError:
    error = group.exceptions[0]
    return _first_of(error) if isinstance(error, ExceptionGroup) else error
