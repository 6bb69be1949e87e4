"""Doing together what arrives together: a burst costs few round trips and few disk flushes.

What comes while one lot is being done shares the next. A lot that fails or hangs (a frozen process
may hold the lock of one row) is taken apart: each item is then done on its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from runtime.timeouts import run_with_timeout

Item = TypeVar("Item")
Done = TypeVar("Done")


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchLimits:
    """How many share a lot, and the seconds that a lot and an item on its own may take."""

    most: int
    shared_s: float
    alone_s: float


class MicroBatcher(Generic[Item, Done]):
    """Calls ``work`` with many items at a time, of which no two have the same key.

    ``work`` returns one outcome an item, in their order. It must bear being repeated: an item of a
    lot that broke off is done again.
    """

    def __init__(
        self,
        work: Callable[[Sequence[Item]], Coroutine[Any, Any, Sequence[Done]]],
        *,
        key: Callable[[Item], Hashable],
        patience: BatchLimits,
    ) -> None:
        self._work = work
        self._key = key
        self._patience = patience
        self._waiting: list[tuple[Item, asyncio.Future[Done]]] = []
        self._working: asyncio.Task[None] | None = None
        self._alone: set[asyncio.Task[None]] = set()

    def do(self, item: Item) -> Awaitable[Done]:
        """The outcome of the item, once it is done. Raises what ``work`` raises."""
        done: asyncio.Future[Done] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, done))
        if self._working is None or self._working.done():
            self._working = asyncio.create_task(self._work_off())
        return done

    async def _work_off(self) -> None:
        while lot := self._take():
            try:
                work = self._work([item for item, _ in lot])
                outcomes = await run_with_timeout(self._patience.shared_s, work)
            except Exception:  # noqa: BLE001 - whatever it was, each will tell it of its own
                self._take_apart(lot)
                continue
            for (_, done), outcome in zip(lot, outcomes, strict=True):
                if not done.done():
                    done.set_result(outcome)

    def _take(self) -> list[tuple[Item, asyncio.Future[Done]]]:
        """The next to do together: nobody who has given up, no key twice."""
        taken: dict[Hashable, tuple[Item, asyncio.Future[Done]]] = {}
        left: list[tuple[Item, asyncio.Future[Done]]] = []
        for item, done in self._waiting:
            if done.done():
                continue
            key = self._key(item)
            if key in taken or len(taken) == self._patience.most:
                left.append((item, done))
            else:
                taken[key] = item, done
        self._waiting = left
        return list(taken.values())

    def _take_apart(self, lot: Sequence[tuple[Item, asyncio.Future[Done]]]) -> None:
        for item, done in lot:
            task = asyncio.create_task(self._do_alone(item, done))
            self._alone.add(task)
            task.add_done_callback(self._alone.discard)

    async def _do_alone(self, item: Item, done: asyncio.Future[Done]) -> None:
        try:
            [outcome] = await run_with_timeout(self._patience.alone_s, self._work([item]))
        except Exception as error:  # noqa: BLE001 - it is the caller's
            if not done.done():
                done.set_exception(error)
            return
        if not done.done():
            done.set_result(outcome)
