"""The slots that live jobs leave, and who is given back when they need them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from inference_queue.background.leases import BackgroundLease
from inference_queue.leases import Lease
from inference_queue.protocol import Job, Message, Role
from inference_worker.background.running import RunningBackground
from inference_worker.running_jobs import RunningJob, RunningJobs


def a_job() -> Job:
    return Job(id=uuid4(), messages=(Message(Role.USER, "안녕"),))


def background_lease() -> BackgroundLease:
    return BackgroundLease(job=a_job(), number=1, attempt=1)


async def forever(_: RunningJob | BackgroundLease) -> None:
    await asyncio.Event().wait()


class Slots:
    """Live and background jobs of one worker."""

    def __init__(self, slots: int) -> None:
        self.live = RunningJobs(slots=slots, on_end=lambda: None)
        self.background = RunningBackground(self.live)
        self.live.on_start = self.background.make_room
        self.background.give_back = self._give_back
        self.given_back: list[BackgroundLease] = []

    async def _give_back(self, lease: BackgroundLease) -> None:
        self.given_back.append(lease)

    def start_live(self, count: int = 1) -> None:
        for _ in range(count):
            self.live.start(Lease(a_job(), 1, 1, datetime.now(UTC)), forever)

    def start_background(self, count: int = 1) -> list[BackgroundLease]:
        leases = [background_lease() for _ in range(count)]
        for lease in leases:
            self.background.start(lease, forever)
        return leases

    async def end(self) -> None:
        await self.live.stop(0)
        await self.background.stop()


@pytest.mark.parametrize(
    ("slots", "live", "background", "free"),
    [
        (1, 0, 0, 1),
        (1, 1, 0, 0),
        (1, 0, 1, 0),
        (4, 0, 0, 3),
        (4, 0, 3, 0),
        (4, 1, 0, 3),
        (4, 2, 0, 2),
        (4, 2, 1, 1),
        (4, 4, 0, 0),
    ],
)
async def test_background_jobs_take_at_most_what_live_ones_leave(
    slots: int, live: int, background: int, free: int
) -> None:
    worker = Slots(slots)
    worker.start_live(live)
    worker.start_background(background)
    assert worker.background.free_slots == free
    await worker.end()


async def test_the_youngest_are_given_back_when_live_jobs_need_their_slots() -> None:
    worker = Slots(4)
    leases = worker.start_background(3)
    worker.start_live()
    assert len(worker.background) == 3
    worker.start_live(2)
    assert [run.lease for run in worker.background.current()] == leases[:1]
    worker.start_live()
    assert len(worker.background) == 0
    await worker.background.stop()
    assert set(map(id, worker.given_back)) == set(map(id, leases))
    await worker.end()


async def test_a_job_that_comes_late_into_a_full_worker_is_given_back() -> None:
    worker = Slots(2)
    worker.start_live(2)
    worker.start_background()
    assert len(worker.background) == 0
    await worker.end()
    assert len(worker.given_back) == 1


async def test_a_cancellation_that_was_swallowed_is_repeated() -> None:
    worker, swallowed = Slots(2), asyncio.Event()

    async def stubborn(_: BackgroundLease) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            swallowed.set()
        await asyncio.Event().wait()

    worker.background.start(background_lease(), stubborn)
    await asyncio.sleep(0)
    worker.start_live(2)
    await asyncio.wait_for(swallowed.wait(), 5)
    worker.background.cancel_again()
    await worker.end()
    assert len(worker.given_back) == 1
