"""One clock for a program's periodic jobs: each has a name and a period, and never runs twice.

Jobs that carry out orders are asked for together: one look tells which of them have something to
do, instead of a look by each. While none has, that look is all they cost.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass

import structlog

from runtime.periodic import FailureLog
from runtime.tasks import cancel_and_wait

log = structlog.get_logger(__name__)

#: Between two looks for orders while there are none.
LOOK_EVERY_S = 2.0
#: A job runs so often unasked: what a look does not see is only late.
UNASKED_EVERY_S = 60.0
#: Periods are shorter by up to this share, so that several programs do not keep step.
MAX_JITTER = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodicJob:
    """Work that is repeated; the pause is from one beginning to the next.

    ``on_order``: it runs where ``Orders`` names it, and ``every_s`` while that is so.
    """

    name: str
    run: Callable[[], Awaitable[object]]
    every_s: float
    on_order: bool = False


#: The names of the jobs that have something to do. May raise DATABASE_ERRORS.
Orders = Callable[[], Awaitable[Collection[str]]]


def _jittered(period_s: float) -> float:
    return period_s * (1 - random.uniform(0, MAX_JITTER))  # noqa: S311 - no secret


class Clock:
    """Starts jobs when they are due, each in a task of its own: a long one delays no other."""

    def __init__(
        self,
        jobs: Sequence[PeriodicJob],
        orders: Orders,
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """All jobs are due at the start. Raises ValueError where two have one name."""
        if len({job.name for job in jobs}) < len(jobs):
            raise ValueError("two jobs have one name")
        self._jobs = jobs
        self._orders = orders
        self._now = now
        self._due_at = dict.fromkeys((job.name for job in jobs), now())
        self._look_at = now() + LOOK_EVERY_S
        self._running: dict[str, asyncio.Task[None]] = {}

    async def keep_running(self) -> None:
        """Run jobs until cancelled; what runs then is cancelled too."""
        failures = FailureLog("clock")
        try:
            while True:
                self._start_due()
                if self._now() >= self._look_at:
                    with failures.guard():
                        await self.look()
                next_at = min(*self._due_at.values(), self._look_at)
                await asyncio.sleep(max(next_at - self._now(), 0.0))
        finally:
            await cancel_and_wait(*self._running.values())

    async def look(self) -> None:
        """Look for orders once, and start what they ask for. Raises DATABASE_ERRORS."""
        self._look_at = self._now() + _jittered(LOOK_EVERY_S)
        wanted = await self._orders()
        asked = [job for job in self._jobs if job.on_order and job.name in wanted]
        for job in asked:
            self._start(job)
        pause_s = min((job.every_s for job in asked), default=LOOK_EVERY_S)
        self._look_at = self._now() + _jittered(min(pause_s, LOOK_EVERY_S))

    def _start_due(self) -> None:
        now = self._now()
        for job in self._jobs:
            if now >= self._due_at[job.name]:
                self._due_at[job.name] = now + _jittered(_period_s(job))
                self._start(job)

    def _start(self, job: PeriodicJob) -> None:
        running = self._running.get(job.name)
        if running is None or running.done():
            task = asyncio.create_task(_run(job), name=f"clock {job.name}")
            self._running[job.name] = task


def _period_s(job: PeriodicJob) -> float:
    return UNASKED_EVERY_S if job.on_order else job.every_s


async def _run(job: PeriodicJob) -> None:
    """One run; errors are logged, and the job runs again when it is due."""
    try:
        with FailureLog(job.name).guard():
            await job.run()
    except Exception:
        log.exception("periodic_job_broke", job=job.name)
