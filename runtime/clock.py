"""One clock for a program's periodic jobs: each has a name and a period, and never runs twice.

Jobs that carry out orders are asked for together: one look tells which of them have something to
do, instead of a look by each. While none has, that look is all they cost.
"""

from __future__ import annotations

import asyncio
import functools
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
#: A job that failed runs again so soon, where its period is longer.
RETRY_S = 60.0
#: Periods are shorter by up to this share, so that several programs do not keep step.
MAX_JITTER = 0.1
#: The name of the look for orders, which no job has.
_LOOK = "clock"


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
        self._look_at = now() + LOOK_EVERY_S
        self._due_at = dict.fromkeys((job.name for job in jobs), now())
        self._runs = {name: _Run(name) for name in (*self._due_at, _LOOK)}
        self._changed = asyncio.Event()

    async def keep_running(self) -> None:
        """Run jobs until cancelled; what runs then is cancelled too."""
        try:
            while True:
                self._changed.clear()
                self._start_due()
                self._start_look()
                timer = asyncio.get_running_loop().call_later(self._pause_s(), self.wake)
                await self._changed.wait()
                timer.cancel()
        finally:
            await cancel_and_wait(*(run.task for run in self._runs.values() if run.task))

    def wake(self) -> None:
        """End the pause: something may be due earlier than it was."""
        self._changed.set()

    async def look(self) -> None:
        """Look for orders once, and start what they ask for. Raises DATABASE_ERRORS."""
        wanted = await self._orders()
        asked = [job for job in self._jobs if job.on_order and job.name in wanted]
        for job in asked:
            self._start(job)
        pause_s = min((job.every_s for job in asked), default=LOOK_EVERY_S)
        self._look_at = self._now() + _jittered(min(pause_s, LOOK_EVERY_S))
        self.wake()

    def _pause_s(self) -> float:
        return max(min(*self._due_at.values(), self._look_at) - self._now(), 0.0)

    def _start_due(self) -> None:
        now = self._now()
        for job in self._jobs:
            if now >= self._due_at[job.name]:
                self._due_at[job.name] = now + _jittered(_period_s(job))
                self._start(job)

    def _start_look(self) -> None:
        """One that fails, or that hangs, is only late."""
        if self._now() >= self._look_at:
            self._look_at = self._now() + _jittered(LOOK_EVERY_S)
            self._runs[_LOOK].start(self.look)

    def _start(self, job: PeriodicJob) -> None:
        self._runs[job.name].start(job.run, on_failure=functools.partial(self._retry, job.name))

    def _retry(self, name: str) -> None:
        """A job with a long period does not wait for all of it after a failure."""
        self._due_at[name] = min(self._due_at[name], self._now() + _jittered(RETRY_S))
        self.wake()


class _Run:
    """The runs of one job, one at a time; errors are logged, of a database the first of a row."""

    def __init__(self, name: str) -> None:
        self.task: asyncio.Task[None] | None = None
        self._name = name
        self._failures = FailureLog(name)

    def start(
        self, work: Callable[[], Awaitable[object]], *, on_failure: Callable[[], None] | None = None
    ) -> None:
        """Begin a run, unless one goes on."""
        if self.task is None or self.task.done():
            self.task = asyncio.create_task(
                self._do(work, on_failure or (lambda: None)), name=f"clock {self._name}"
            )

    async def _do(
        self, work: Callable[[], Awaitable[object]], on_failure: Callable[[], None]
    ) -> None:
        try:
            with self._failures.guard():
                await work()
        except Exception:
            log.exception("periodic_job_broke", job=self._name)
        else:
            if not self._failures.failing:
                return
        on_failure()


def _period_s(job: PeriodicJob) -> float:
    return UNASKED_EVERY_S if job.on_order else job.every_s
