"""The job that counts ended turns for the charts, in whichever bot comes first."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncEngine

from bot.observability.metrics import (
    ANSWERS_IN_TIME,
    ANSWERS_JUDGED,
    COUNTED_UNTIL,
    DATABASE_UP,
    QUEUE_OLDEST_SECONDS,
    WAITING_TURNS,
)
from bot.store import statistics
from runtime.database import DATABASE_ERRORS
from runtime.direct import AnyConnection, begin_directly
from runtime.timeouts import run_with_timeout

TIMEOUT_S = 10.0
#: Between two batches of what there was before: other work goes first.
PAUSE_S = 0.2
FORGET_EVERY_S = 3600.0

T = TypeVar("T")


class StatisticsCounter:
    """Counts in small batches; after a restart it goes on where the last batch ended."""

    def __init__(self, *, database: AsyncEngine) -> None:
        self._database = database
        self._begun = False
        self._cpu_s = time.process_time()  # of what has been added
        self._forget_at = 0.0

    async def count(self) -> None:
        """Count all that has ended by now. Raises DATABASE_ERRORS."""
        try:
            if not self._begun:
                await self._within(statistics.begin)
                self._begun = True
            await self._sample()
        except DATABASE_ERRORS:
            DATABASE_UP.set(0)
            raise
        DATABASE_UP.set(1)
        await _while_any(self._count_batch)
        await self._within(statistics.count_votes)
        await self._forget()

    async def _count_batch(self) -> bool:
        counted = await self._within(statistics.count_ended)
        if counted is None:
            return False
        COUNTED_UNTIL.set(counted.until.timestamp())
        for messenger, turns in counted.judged.items():
            ANSWERS_JUDGED.labels(messenger).inc(turns)
        for messenger, turns in counted.in_time.items():
            ANSWERS_IN_TIME.labels(messenger).inc(turns)
        return counted.more

    async def _sample(self) -> None:
        waiting = await self._within(statistics.sample_waiting)
        WAITING_TURNS.set(waiting.turns)
        QUEUE_OLDEST_SECONDS.set(waiting.oldest_s)
        await self._add_cpu()

    async def _add_cpu(self) -> None:
        """Add what this process has used of its processors; another bot adds its own."""
        used_s = time.process_time()
        cpu_ms = round((used_s - self._cpu_s) * 1000)
        await self._within(lambda connection: statistics.add_cpu(connection, cpu_ms))
        self._cpu_s = used_s

    async def _forget(self) -> None:
        if time.monotonic() < self._forget_at:
            return
        await _while_any(lambda: self._within(statistics.forget))
        self._forget_at = time.monotonic() + FORGET_EVERY_S

    async def _within(self, work: Callable[[AnyConnection], Awaitable[T]]) -> T:
        """The result of ``work`` in a transaction of its own."""

        async def run() -> T:
            async with begin_directly(self._database) as connection:
                return await work(connection)

        return await run_with_timeout(TIMEOUT_S, run())


async def _while_any(work: Callable[[], Awaitable[object]]) -> None:
    """Repeat with pauses, until nothing is left to do."""
    while True:
        if not await work():
            return
        await asyncio.sleep(PAUSE_S)
