"""The right to answer a job: who gets it, how long it lasts, and what ends it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from redis.asyncio import Redis
from sqlalchemy import Row, select, text, update
from sqlalchemy.ext.asyncio import AsyncEngine

from inference_queue.client import JobQueue
from inference_queue.leases import Lease, LeaseClient
from inference_queue.protocol import (
    CANCELLED,
    Completion,
    Failure,
    FailureReason,
    FinishReason,
    Job,
    Message,
    Role,
)
from inference_queue.reaper import reap
from inference_queue.schema import jobs
from tests.support.finished_jobs import take_finished

LEASE_S = 600
COMPLETION = Completion(
    text="서울이에요.",
    finish_reason=FinishReason.STOP,
    model="m",
    prompt_tokens=3,
    completion_tokens=4,
)
REFUSED = Failure(reason=FailureReason.INVALID_JOB, message="cannot be claimed")


@pytest.fixture
async def leases(database: AsyncEngine, redis: Redis) -> AsyncIterator[LeaseClient]:
    leases = LeaseClient(database, redis, worker="w1", lease_s=LEASE_S)
    yield leases
    await leases.close()


async def put(database: AsyncEngine, redis: Redis, count: int = 1) -> list[UUID]:
    """Queued jobs, the oldest first."""
    queue = JobQueue(redis)
    added = [Job(id=uuid4(), messages=(Message(Role.USER, "수도는?"),)) for _ in range(count)]
    for job in added:
        async with database.begin() as connection:
            await queue.enqueue(connection, job)
    await queue.close()
    return [job.id for job in added]


async def change(database: AsyncEngine, job_id: UUID, **columns: Any) -> None:
    async with database.begin() as connection:
        await connection.execute(update(jobs).where(jobs.c.id == job_id).values(columns))


async def job(database: AsyncEngine, job_id: UUID) -> Row[Any]:
    async with database.connect() as connection:
        return (await connection.execute(select(jobs).where(jobs.c.id == job_id))).one()


def ids(claimed: list[Lease]) -> list[UUID]:
    return [lease.job.id for lease in claimed]


def lasts(row: Row[Any]) -> bool:
    """Whether the lease runs out about LEASE_S from now."""
    left: timedelta = row.lease_until - datetime.now(UTC)
    return timedelta(seconds=LEASE_S / 2) < left <= timedelta(seconds=LEASE_S)


@pytest.mark.parametrize(
    "columns",
    [
        {"state": "running"},
        {"state": "finished"},
        {"run_after": datetime(2100, 1, 1, tzinfo=UTC)},
        {"deadline": datetime(2026, 1, 1, tzinfo=UTC)},
        {"cancel_requested": True},
    ],
)
async def test_no_way_of_claiming_takes_what_is_not_to_be_had(
    database: AsyncEngine, redis: Redis, leases: LeaseClient, columns: dict[str, Any]
) -> None:
    [job_id] = await put(database, redis)
    await change(database, job_id, **columns)
    before = await job(database, job_id)
    assert await leases.next_jobs(5) == []
    assert await leases.claim(5) == []
    assert await leases.claim_one(job_id) == []
    assert await job(database, job_id) == before


async def test_a_cancelled_job_that_a_drain_gave_back_is_not_started_again(
    database: AsyncEngine, redis: Redis, leases: LeaseClient
) -> None:
    [job_id] = await put(database, redis)
    [lease] = await leases.claim(1)
    queue = JobQueue(redis)
    async with database.begin() as connection:
        assert await queue.cancel(connection, job_id)
    assert await leases.release(lease, counts=False)
    assert await leases.claim(5) == []
    async with database.begin() as connection:
        assert await reap(connection) == 1
        assert [done.result for done in await take_finished(queue, connection)] == [CANCELLED]
    await queue.close()


async def test_no_more_than_the_slots_are_claimed_and_the_others_are_left_alone(
    database: AsyncEngine, redis: Redis, leases: LeaseClient
) -> None:
    first, second, third = await put(database, redis, 3)
    assert await leases.next_jobs(2) == [first, second]
    assert await leases.next_jobs(2, excluded=[first]) == [second, third]
    assert ids(await leases.claim(1, excluded=[first])) == [second]
    states = [(await job(database, job_id)).state for job_id in (first, second, third)]
    assert states == ["queued", "running", "queued"]


async def test_one_job_is_claimed_by_its_id(
    database: AsyncEngine, redis: Redis, leases: LeaseClient
) -> None:
    older, wanted = await put(database, redis, 2)
    assert ids(await leases.claim_one(wanted)) == [wanted]
    assert await leases.claim_one(wanted) == []
    assert (await job(database, older)).state == "queued"


async def test_a_job_that_another_is_claiming_is_passed_over_without_waiting(
    database: AsyncEngine, redis: Redis, leases: LeaseClient
) -> None:
    taken, free = await put(database, redis, 2)
    async with database.begin() as other:
        await other.execute(
            text("UPDATE jobs SET state = 'running', lease = 9 WHERE id = :id"), {"id": taken}
        )
        assert ids(await leases.claim(5)) == [free]
        assert await leases.claim_one(taken) == []
    assert (await job(database, taken)).lease == 9


async def test_the_number_of_a_lease_rises_even_where_the_clock_went_back(
    database: AsyncEngine, redis: Redis, leases: LeaseClient
) -> None:
    [job_id] = await put(database, redis)
    far_ahead = 2**62
    await change(database, job_id, lease=far_ahead)
    [lease] = await leases.claim(1)
    assert lease.number == far_ahead + 1


async def test_a_claim_lasts_its_time_and_a_renewal_prolongs_it(
    database: AsyncEngine, redis: Redis, leases: LeaseClient
) -> None:
    [job_id] = await put(database, redis)
    [lease] = await leases.claim(1)
    row = await job(database, job_id)
    assert (row.state, row.worker, row.attempt) == ("running", "w1", 1)
    assert lasts(row)
    await change(database, job_id, lease_until=datetime.now(UTC) - timedelta(seconds=1))
    assert await leases.renew([lease]) == {job_id: False}
    assert lasts(await job(database, job_id))


async def test_who_gave_a_job_back_has_no_say_although_nobody_claimed_it_since(
    database: AsyncEngine, redis: Redis, leases: LeaseClient
) -> None:
    [job_id] = await put(database, redis)
    [lease] = await leases.claim(1)
    assert await leases.release(lease)
    before = await job(database, job_id)
    assert (before.state, before.lease_until) == ("queued", None)
    assert await leases.renew([lease]) == {}
    assert not await leases.finish(lease, COMPLETION)
    assert not await leases.release(lease)
    assert await job(database, job_id) == before


async def test_a_stored_result_is_neither_replaced_nor_taken_back(
    database: AsyncEngine, redis: Redis, leases: LeaseClient
) -> None:
    [job_id] = await put(database, redis)
    [lease] = await leases.claim(1)
    assert await leases.finish(lease, COMPLETION)
    before = await job(database, job_id)
    assert (before.state, before.lease_until) == ("finished", None)
    assert before.finished_at is not None
    assert await leases.renew([lease]) == {}
    assert not await leases.finish(lease, CANCELLED)
    assert not await leases.release(lease)
    assert not await leases.reject(job_id, REFUSED)
    assert await job(database, job_id) == before


async def test_a_lease_is_good_for_its_own_job_only(
    database: AsyncEngine, redis: Redis, leases: LeaseClient
) -> None:
    """Two leases may have one number: it is the moment of their claim."""
    first, second, third = await put(database, redis, 3)
    one, two, three = await leases.claim(3)
    assert one.number == two.number == three.number
    assert await leases.finish(one, COMPLETION)
    assert await leases.release(two)
    assert await leases.renew([three]) == {third: False}
    states = [(await job(database, job_id)).state for job_id in (first, second, third)]
    assert states == ["finished", "queued", "running"]


@pytest.mark.parametrize("state", ["queued", "running", "finished"])
async def test_only_a_queued_job_is_rejected(
    database: AsyncEngine, redis: Redis, leases: LeaseClient, state: str
) -> None:
    job_id, other = await put(database, redis, 2)
    await change(database, job_id, state=state)
    assert await leases.reject(job_id, REFUSED) is (state == "queued")
    row = await job(database, job_id)
    assert row.state == ("finished" if state == "queued" else state)
    assert (row.result is not None) is (state == "queued")
    assert (await job(database, other)).state == "queued"
