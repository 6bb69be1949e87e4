"""The jobs that this worker is answering, each in a task of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog

from inference_queue.leases import Lease
from runtime.tasks import TaskSet, cancel_and_wait

log = structlog.get_logger(__name__)


@dataclass(slots=True, eq=False)
class RunningJob:
    """One lease and the task that answers its job."""

    lease: Lease
    task: asyncio.Task[None] | None = None
    cancel_requested: bool = False
    stopping: bool = False  #: its task stores the outcome of the cancellation

    @property
    def id(self) -> UUID:
        """The job's id."""
        return self.lease.job.id


class RunningJobs:
    """At most ``slots`` jobs; ``on_end`` is called after each, when its slot is free again."""

    def __init__(self, *, slots: int, on_end: Callable[[], None] = lambda: None) -> None:
        self._slots = slots
        self.on_start: Callable[[], None] = lambda: None  #: called after each start
        self.on_end = on_end
        self._jobs: dict[UUID, RunningJob] = {}
        self._tasks = TaskSet()

    def __len__(self) -> int:
        return len(self._jobs)

    @property
    def slots(self) -> int:
        """How many jobs may run at once."""
        return self._slots

    def limit(self, at_once: int | None) -> None:
        """Run no more than an engine writes at once; None: it sets no limit."""
        self._slots = min(self._slots, at_once or self._slots)

    @property
    def free_slots(self) -> int:
        """How many more jobs may be started."""
        return self._slots - len(self._jobs)

    def current(self) -> list[RunningJob]:
        """The jobs that run now."""
        return list(self._jobs.values())

    def start(
        self, lease: Lease, answer: Callable[[RunningJob], Coroutine[Any, Any, None]]
    ) -> None:
        """Answer the lease's job in a task."""
        if (older := self._jobs.get(lease.job.id)) is not None:
            # Our own lease ran out while Postgres was away: the new one counts.
            self.abandon(older, cancelled=False)
        job = RunningJob(lease)
        job.task = self._tasks.start(answer(job), name=f"job {job.id}")
        self._jobs[job.id] = job
        job.task.add_done_callback(lambda _: self._end(job))
        self.on_start()

    def abandon(self, job: RunningJob, *, cancelled: bool) -> None:
        """Stop generating: the job was cancelled, or its lease is lost."""
        if job.task is None or self._jobs.get(job.id) is not job or job.stopping:
            return
        if not job.cancel_requested:
            log.warning("job_abandoned", job_id=str(job.id), cancelled=cancelled)
        job.cancel_requested |= cancelled
        # Again at every renewal: redis-py can take a cancellation for its own time-out.
        job.task.cancel()

    async def stop(self, timeout_s: float) -> list[Lease]:
        """Let the jobs end; the leases of those that did not in time, which are cancelled."""
        tasks = [job.task for job in self.current() if job.task]
        if tasks:
            await asyncio.wait(tasks, timeout=timeout_s)
        unfinished = self.current()
        await cancel_and_wait(*(job.task for job in unfinished if job.task))
        return [job.lease for job in unfinished]

    def _end(self, job: RunningJob) -> None:
        if self._jobs.get(job.id) is job:
            del self._jobs[job.id]
        self.on_end()
