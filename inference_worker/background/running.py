"""The background jobs that this worker does now, and the slots that live jobs leave them.

A worker does at most one fewer than it has slots, so that a live job finds one free. With a single
slot it does one while it has nothing else to do. Live jobs are counted apart: they start as if
there were no background, and what is too much then is given back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

import structlog

from inference_queue.background.leases import BackgroundLease
from runtime.tasks import TaskSet, cancel_and_wait

log = structlog.get_logger(__name__)


@dataclass(slots=True, eq=False)
class BackgroundRun:
    """One lease and the task that does its job."""

    lease: BackgroundLease
    task: asyncio.Task[None] | None = None
    stopping: bool = False  #: cancelled: given back, or its lease is lost


class Foreground(Protocol):
    """What background jobs give way to."""

    @property
    def slots(self) -> int:
        """How many there are."""

    def __len__(self) -> int:
        """How many of them are taken."""


class RunningBackground:
    """Never more than the foreground leaves; ``on_end`` is called after each."""

    def __init__(self, live: Foreground) -> None:
        self.on_end: Callable[[], None] = lambda: None
        #: Puts the job of a lease back into the lane.
        self.give_back: Callable[[BackgroundLease], Coroutine[Any, Any, None]] | None = None
        self._live = live
        self._runs: dict[UUID, BackgroundRun] = {}
        self._tasks = TaskSet()

    def __len__(self) -> int:
        return sum(not run.stopping for run in self._runs.values())

    @property
    def free_slots(self) -> int:
        """How many more background jobs may start now."""
        unused = self._live.slots - len(self._live) - len(self._runs)
        return max(0, min(max(1, self._live.slots - 1) - len(self._runs), unused))

    def current(self) -> list[BackgroundRun]:
        """Those that are to go on."""
        return [run for run in self._runs.values() if not run.stopping]

    def start(
        self, lease: BackgroundLease, work: Callable[[BackgroundLease], Coroutine[Any, Any, None]]
    ) -> None:
        """Do the lease's job in a task."""
        if (older := self._runs.get(lease.id)) is not None:
            self.abandon(older)  # its lease ran out while Postgres was away
        run = BackgroundRun(lease)
        run.task = self._tasks.start(work(lease), name=f"background {lease.id}")
        self._runs[lease.id] = run
        run.task.add_done_callback(lambda _: self._end(run))
        self.make_room()

    def make_room(self) -> None:
        """Give back the youngest where live jobs need their slots."""
        excess = len(self._live) + len(self) - self._live.slots
        if excess > 0:
            self.stop_some(excess)

    def stop_some(self, count: int) -> list[BackgroundRun]:
        """Stop the youngest and give them back; those that were stopped."""
        youngest = self.current()[::-1][:count]
        for run in youngest:
            self.abandon(run)
            if self.give_back is not None:
                self._tasks.start(self._give_back_after(run, self.give_back))
        if youngest:
            log.info("background_given_back", jobs=len(youngest))
        return youngest

    def abandon(self, run: BackgroundRun) -> None:
        """Stop without a result: the lease is lost, or is released afterwards."""
        run.stopping = True
        if run.task is not None:
            run.task.cancel()

    def cancel_again(self) -> None:
        """Cancel once more what should have ended: libraries can swallow a cancellation."""
        for run in self._runs.values():
            if run.stopping and run.task is not None:
                run.task.cancel()

    async def stop(self) -> list[BackgroundLease]:
        """Stop all; their leases, which are still held."""
        unfinished = self.current()
        for run in unfinished:
            run.stopping = True
        await cancel_and_wait(*(run.task for run in unfinished if run.task))
        await self._tasks.wait()
        return [run.lease for run in unfinished]

    async def _give_back_after(
        self,
        run: BackgroundRun,
        give_back: Callable[[BackgroundLease], Coroutine[Any, Any, None]],
    ) -> None:
        if run.task is not None:
            await asyncio.wait({run.task})
        await give_back(run.lease)

    def _end(self, run: BackgroundRun) -> None:
        if self._runs.get(run.lease.id) is run:
            del self._runs[run.lease.id]
        self.on_end()
