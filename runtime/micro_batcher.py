"""Micro-batching: concurrent items share one call, so a burst costs few round trips and flushes.

Items that arrive during a call share the next one. A batch that fails or hangs (a frozen process
may hold a row's lock) is split: each item is then processed alone.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Coroutine, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from runtime.tasks import TaskSet
from runtime.timeouts import run_with_timeout

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchLimits:
    """The maximum size of a batch, and the time-outs of a batch and of a single item."""

    max_size: int
    batch_timeout_s: float
    item_timeout_s: float
    max_weight: float = math.inf  #: of several items; a heavier item is a batch of its own


class MicroBatcher(Generic[Item, Outcome]):
    """Calls ``process`` with many items at a time; no two items of a batch have the same key.

    ``process`` returns one outcome per item, in order. It must be repeatable: the items of a
    failed batch are processed again.
    """

    def __init__(
        self,
        process: Callable[[Sequence[Item]], Coroutine[Any, Any, Sequence[Outcome]]],
        *,
        key: Callable[[Item], Hashable],
        limits: BatchLimits,
        weight: Callable[[Item], float] = lambda _: 0,
    ) -> None:
        self._process = process
        self._key = key
        self._weight = weight
        self._limits = limits
        self._waiting: list[tuple[Item, asyncio.Future[Outcome]]] = []
        self._running: asyncio.Task[None] | None = None
        self._single_items = TaskSet()

    def submit(self, item: Item) -> Awaitable[Outcome]:
        """The outcome of the item. Raises what ``process`` raises."""
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._process_waiting())
        return future

    async def _process_waiting(self) -> None:
        while batch := self._next_batch():
            try:
                work = self._process([item for item, _ in batch])
                outcomes = await run_with_timeout(self._limits.batch_timeout_s, work)
            except Exception:  # noqa: BLE001 - each item raises its own error
                for item, future in batch:
                    self._single_items.start(self._process_alone(item, future))
                continue
            for (_, future), outcome in zip(batch, outcomes, strict=True):
                if not future.done():
                    future.set_result(outcome)

    def _next_batch(self) -> list[tuple[Item, asyncio.Future[Outcome]]]:
        """The items of the next batch; items with a cancelled future are dropped."""
        batch: dict[Hashable, tuple[Item, asyncio.Future[Outcome]]] = {}
        later: list[tuple[Item, asyncio.Future[Outcome]]] = []
        room = self._limits.max_weight
        for item, future in self._waiting:
            if future.done():
                continue
            key, weight = self._key(item), self._weight(item)
            is_full = len(batch) == self._limits.max_size or weight > room
            if batch and (key in batch or is_full):
                later.append((item, future))
            else:
                batch[key] = item, future
                room -= weight
        self._waiting = later
        return list(batch.values())

    async def _process_alone(self, item: Item, future: asyncio.Future[Outcome]) -> None:
        try:
            [outcome] = await run_with_timeout(self._limits.item_timeout_s, self._process([item]))
        except Exception as error:  # noqa: BLE001 - raised to the caller
            if not future.done():
                future.set_exception(error)
            return
        if not future.done():
            future.set_result(outcome)
