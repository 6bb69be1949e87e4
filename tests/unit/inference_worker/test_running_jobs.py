"""The jobs that a worker is answering: replaced, abandoned, stopped."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from inference_queue.leases import Lease
from inference_queue.protocol import Job, Message, Role
from inference_worker.running_jobs import RunningJob, RunningJobs


def a_lease(job: Job | None = None, *, number: int = 1) -> Lease:
    job = job or Job(id=uuid4(), messages=(Message(Role.USER, "안녕"),))
    return Lease(job, number, 1, datetime.now(UTC))


async def forever(_: RunningJob) -> None:
    await asyncio.Event().wait()


async def test_a_cancellation_that_is_being_stored_is_not_cancelled_again() -> None:
    running, may_end = RunningJobs(slots=1, on_end=lambda: None), asyncio.Event()
    stored: list[RunningJob] = []

    async def answer(job: RunningJob) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            job.stopping = True
            await may_end.wait()
            stored.append(job)

    running.start(a_lease(), answer)
    await asyncio.sleep(0)
    [job] = running.current()
    for _ in range(2):
        running.abandon(job, cancelled=True)
        await asyncio.sleep(0)
    may_end.set()
    assert await running.stop(5) == []
    assert stored == [job]


async def test_a_cancellation_that_was_swallowed_is_repeated() -> None:
    running, swallowed = RunningJobs(slots=1, on_end=lambda: None), asyncio.Event()

    async def answer(_: RunningJob) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:  # as redis-py does it
            swallowed.set()
        await asyncio.Event().wait()

    running.start(a_lease(), answer)
    await asyncio.sleep(0)
    [job] = running.current()
    running.abandon(job, cancelled=True)
    await asyncio.wait_for(swallowed.wait(), 5)
    running.abandon(job, cancelled=True)
    assert await running.stop(5) == []


async def test_the_loss_of_an_older_lease_leaves_the_newer_one_of_the_same_job() -> None:
    running, older = RunningJobs(slots=1, on_end=lambda: None), a_lease()
    running.start(older, forever)
    [replaced] = running.current()
    newer = a_lease(older.job, number=2)
    running.start(newer, forever)
    await asyncio.sleep(0)
    running.abandon(replaced, cancelled=False)
    assert [job.lease for job in running.current()] == [newer]
    assert await running.stop(0) == [newer]


async def test_a_job_cancelled_before_its_task_began_frees_its_slot() -> None:
    ended: list[bool] = []
    running = RunningJobs(slots=1, on_end=lambda: ended.append(True))
    running.start(a_lease(), forever)
    [job] = running.current()
    assert running.free_slots == 0
    running.abandon(job, cancelled=False)
    assert await running.stop(5) == []
    assert running.free_slots == 1
    assert ended == [True]


@pytest.mark.parametrize(("at_once", "slots"), [(None, 8), (1, 1), (20, 8)])
def test_an_engine_that_writes_fewer_answers_at_once_gets_fewer_jobs(
    at_once: int | None, slots: int
) -> None:
    running = RunningJobs(slots=8, on_end=lambda: None)
    running.limit(at_once)
    assert (running.slots, running.free_slots) == (slots, slots)
