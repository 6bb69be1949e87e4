"""The slots that live jobs leave to the endpoint's requests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from inference_queue.leases import Lease
from inference_queue.protocol import Job, Message, Role
from inference_worker.api.slots import Grant, RequestSlots, RevokedError
from inference_worker.computing_time import ComputingTime
from inference_worker.running_jobs import RunningJob, RunningJobs


async def forever(_: RunningJob) -> None:
    await asyncio.Event().wait()


class Slots:
    """Live jobs and requests of one worker."""

    def __init__(self, slots: int) -> None:
        self.live = RunningJobs(slots=slots, on_end=lambda: None)
        self.requests = RequestSlots(self.live, ComputingTime())
        self.live.on_start = self.requests.make_room
        self.stack = AsyncExitStack()
        self.held: list[Grant] = []

    def start_live(self, count: int = 1) -> None:
        for _ in range(count):
            job = Job(id=uuid4(), messages=(Message(Role.USER, "안녕"),))
            self.live.start(Lease(job, 1, 1, datetime.now(UTC)), forever)

    async def hold(self, *, again: bool = False) -> Grant:
        grant = await self.stack.enter_async_context(self.requests.hold(again=again))
        self.held.append(grant)
        return grant

    async def wait(self, *, again: bool = False) -> asyncio.Task[Grant]:
        """A request that has begun to wait."""
        before = self.requests.waiting
        task = asyncio.create_task(self.hold(again=again))
        while self.requests.waiting == before:
            await asyncio.sleep(0)
        return task


@pytest.fixture
async def end() -> AsyncIterator[list[Slots]]:
    made: list[Slots] = []
    yield made
    for slots in made:
        await slots.live.stop(0)
        await slots.stack.aclose()


@pytest.mark.parametrize(
    ("slots", "live", "free"),
    [(1, 0, 1), (1, 1, 0), (2, 0, 1), (4, 0, 3), (4, 1, 3), (4, 2, 2), (4, 4, 0), (4, 6, 0)],
)
async def test_requests_get_what_live_jobs_leave_and_never_all(
    end: list[Slots], slots: int, live: int, free: int
) -> None:
    end.append(given := Slots(slots))
    given.start_live(live)
    assert given.requests.free == free


@pytest.mark.parametrize(("live_left", "wanted"), [(0, False), (1, False), (2, True), (3, True)])
async def test_the_slot_of_an_ended_job_is_wanted_where_none_was_free(
    end: list[Slots], live_left: int, wanted: bool
) -> None:
    end.append(given := Slots(3))
    given.start_live(live_left)
    assert given.requests.may_want_slot_of_job is wanted


async def test_a_waiting_request_wants_the_slot_of_an_ended_job(end: list[Slots]) -> None:
    end.append(given := Slots(4))
    given.start_live(4)
    waiting = await given.wait()
    await given.live.stop(0)
    assert given.requests.may_want_slot_of_job
    given.requests.fill()
    await waiting
    assert not given.requests.may_want_slot_of_job


async def test_a_live_job_takes_the_slot_of_the_youngest_request(end: list[Slots]) -> None:
    end.append(given := Slots(3))
    old, young = await given.hold(), await given.hold()
    given.start_live(1)
    assert (old.is_revoked, young.is_revoked) == (False, False)
    given.start_live(1)
    assert (old.is_revoked, young.is_revoked) == (False, True)
    given.start_live(1)
    assert old.is_revoked
    assert len(given.requests) == 0


async def test_a_revoked_step_ends_at_once(end: list[Slots]) -> None:
    end.append(given := Slots(1))
    grant = await given.hold()
    step = asyncio.create_task(grant.run(asyncio.Event().wait))
    await asyncio.sleep(0)
    given.start_live(1)
    with pytest.raises(RevokedError):
        await step
    with pytest.raises(RevokedError):
        await grant.run(asyncio.Event().wait)


async def test_a_steps_own_timeout_is_its_own(end: list[Slots]) -> None:
    end.append(given := Slots(1))
    grant = await given.hold()

    async def late() -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        await grant.run(late)


async def test_requests_start_in_their_order_and_a_revoked_one_first(end: list[Slots]) -> None:
    end.append(given := Slots(1))
    given.start_live(1)
    first, second = await given.wait(), await given.wait()
    again = await given.wait(again=True)
    await given.live.stop(0)
    given.requests.fill()
    await again
    assert not first.done()
    assert given.requests.waiting == 2
    first.cancel()
    second.cancel()
    await asyncio.gather(first, second, return_exceptions=True)
    assert given.requests.waiting == 0


async def test_one_that_gives_up_in_the_moment_it_gets_a_slot_returns_it(
    end: list[Slots],
) -> None:
    end.append(given := Slots(1))
    given.start_live(1)
    waiting = await given.wait()
    await given.live.stop(0)
    given.requests.fill()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert given.requests.free == 1


async def test_requests_pause_while_a_live_job_waits_for_memory(end: list[Slots]) -> None:
    end.append(given := Slots(3))
    given.start_live(1)
    grant = await given.hold()
    given.requests.give_way(pause_s=0.01)
    assert grant.is_revoked
    assert given.requests.free == 0
    assert await asyncio.wait_for(given.hold(), 30)
