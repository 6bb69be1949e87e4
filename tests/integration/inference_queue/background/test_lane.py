"""The lane: who may take a background job and when, and that each result is stored once."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from redis.asyncio import Redis
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from inference_queue.background import client
from inference_queue.background.leases import BackgroundLeases, Offer
from inference_queue.background.protocol import Target
from inference_queue.background.reaper import forget_results, reap_background
from inference_queue.client import JobQueue
from inference_queue.leases import LeaseClient
from inference_queue.protocol import Completion, Failure, FailureReason, FinishReason, Job
from inference_queue.reaper import MAX_ATTEMPTS, reap
from tests.support.background import (
    ANY,
    background_row,
    change_background,
    execute,
    put_background,
    question,
    rendering,
    taken,
)

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
#: Of the version before this one (inference_queue/leases.py at 0015), in the parts that choose.
PREVIOUS_CLAIM = text(
    """
    UPDATE jobs SET state = 'running', attempt = attempt + 1
    FROM (SELECT id FROM jobs WHERE state = 'queued' AND run_after <= now()
          AND NOT cancel_requested AND (deadline IS NULL OR deadline > now())
          LIMIT 10 FOR UPDATE SKIP LOCKED) AS picked
    WHERE jobs.id = picked.id RETURNING jobs.id
    """
)


def answer(words: str = "서울이에요.") -> Completion:
    return Completion(
        text=words,
        finish_reason=FinishReason.REPETITION,
        model="m",
        prompt_tokens=3,
        completion_tokens=4,
        reasoning="수도를 묻는다.",
    )


@pytest.fixture
def leases(database: AsyncEngine) -> BackgroundLeases:
    return BackgroundLeases(database, worker="w1", lease_s=600)


async def put_live(database: AsyncEngine, redis: Redis, **fields: Any) -> Job:
    job, queue = question("지금", **fields), JobQueue(redis)
    async with database.begin() as connection:
        await queue.enqueue(connection, job)
    await queue.close()
    return job


async def test_the_oldest_are_claimed_first_and_no_more_than_there_are_slots(
    database: AsyncEngine, leases: BackgroundLeases
) -> None:
    jobs = [question(str(number)) for number in range(3)]
    await put_background(database, *jobs)
    assert [lease.job for lease in await leases.claim(2, ANY)] == jobs[:2]
    assert [lease.job for lease in await leases.claim(2, ANY)] == jobs[2:]
    assert await leases.claim(2, ANY) == []


async def test_nothing_is_claimed_while_a_live_job_waits(
    database: AsyncEngine, redis: Redis, leases: BackgroundLeases
) -> None:
    job = question()
    await put_background(database, job)
    await put_live(database, redis)
    assert await leases.claim(1, ANY) == []
    live = LeaseClient(database, redis, worker="another")
    assert len(await live.claim(1)) == 1
    # It runs, and waits no longer.
    assert [lease.job for lease in await leases.claim(1, ANY)] == [job]
    await live.close()


@pytest.mark.parametrize(
    "columns",
    [
        "run_after = now() + interval '1 hour'",
        "deadline = now() - interval '1 second'",
        "cancel_requested = true",
    ],
)
async def test_a_live_job_that_nobody_may_claim_holds_up_no_background(
    database: AsyncEngine, redis: Redis, leases: BackgroundLeases, columns: str
) -> None:
    await put_background(database, question())
    await put_live(database, redis)
    await execute(database, f"UPDATE jobs SET {columns}")
    assert len(await leases.claim(1, ANY)) == 1


@pytest.mark.parametrize(
    ("target", "is_claimed"),
    [
        (Target(), True),
        (Target(model="m"), True),
        (Target(model="m", preset="p", engine="e", adapter=""), True),
        (Target(model="another"), False),
        (Target(preset="another"), False),
        (Target(engine="served"), False),
        (Target(adapter="polite"), False),
    ],
)
async def test_a_job_goes_to_the_workers_that_are_meant(
    database: AsyncEngine, leases: BackgroundLeases, target: Target, is_claimed: bool
) -> None:
    await put_background(database, question(), target=target)
    assert bool(await leases.claim(1, ANY)) is is_claimed
    assert is_claimed is target.matches(model="m", preset="p", engine="e", adapters=[""])


ADAPTED = Offer(model="m", preset="p", engine="e", adapters=("support", "sales"))


async def test_a_background_job_gets_the_adapter_that_its_target_names(
    database: AsyncEngine, leases: BackgroundLeases
) -> None:
    await put_background(database, question(), target=Target(adapter="sales"))
    assert await leases.claim(1, ANY) == []
    [lease] = await leases.claim(1, ADAPTED)
    assert isinstance(lease.job, Job)
    assert lease.job.adapter == "sales"


async def test_a_background_job_keeps_its_own_adapter_where_any_worker_is_meant(
    database: AsyncEngine, leases: BackgroundLeases
) -> None:
    own = question(adapter="support")
    await put_background(database, own, question(adapter="support"), target=Target(model="m"))
    assert await leases.claim(4, ANY) == []
    first, second = await leases.claim(4, ADAPTED)
    assert first.job == own
    assert isinstance(second.job, Job)
    assert second.job.adapter == "support"


async def test_an_adapter_merged_into_a_model_is_meant_by_its_folder_whatever_that_is_called(
    database: AsyncEngine, leases: BackgroundLeases
) -> None:
    merged = Offer(model="m", preset="p", engine="e", adapter="상담 어댑터 (2차)")
    await put_background(database, question(), target=Target(adapter=merged.adapter))
    [lease] = await leases.claim(1, merged)
    assert isinstance(lease.job, Job)
    assert lease.job.adapter == ""


async def test_a_target_without_adapter_takes_a_jobs_own_away(
    database: AsyncEngine, leases: BackgroundLeases
) -> None:
    await put_background(database, question(adapter="support"), target=Target(adapter=""))
    [lease] = await leases.claim(1, ANY)
    assert isinstance(lease.job, Job)
    assert lease.job.adapter == ""


async def test_a_live_job_for_an_adapter_holds_up_only_the_workers_that_have_it(
    database: AsyncEngine, redis: Redis, leases: BackgroundLeases
) -> None:
    await put_background(database, question(), question())
    async with database.begin() as connection:
        await JobQueue(redis).enqueue(connection, question(adapter="sales"))
    assert await leases.claim(1, ADAPTED) == []
    assert len(await leases.claim(1, ANY)) == 1


async def test_a_worker_without_the_tokenizer_leaves_what_is_to_be_rendered(
    database: AsyncEngine, leases: BackgroundLeases
) -> None:
    job = rendering()
    await put_background(database, job)
    without = Offer(model="m", preset="p", engine="e")
    assert await leases.claim(1, without) == []
    assert [lease.job for lease in await leases.claim(1, ANY)] == [job]


async def test_a_result_is_taken_once_and_as_it_was(
    database: AsyncEngine, leases: BackgroundLeases
) -> None:
    job = question()
    batch = await put_background(database, job)
    [lease] = await leases.claim(1, ANY)
    async with database.connect() as connection:
        assert (await client.count(connection, batch)).running == 1
    assert await leases.finish(lease, answer())
    [done] = await taken(database, batch, 1)
    assert (done.id, done.result) == (job.id, answer())
    async with database.begin() as connection:
        assert await client.take_finished(connection, batch, 10) == []
        assert (await client.count(connection, batch)).total == 0


async def test_a_job_that_is_put_twice_is_done_once(
    database: AsyncEngine, leases: BackgroundLeases
) -> None:
    job, batch = question(), uuid4()
    for _ in range(2):
        async with database.begin() as connection:
            await client.enqueue(connection, batch, [job], Target())
    assert len(await leases.claim(5, ANY)) == 1


async def test_what_is_given_back_costs_no_attempt(
    database: AsyncEngine, leases: BackgroundLeases
) -> None:
    job = question()
    await put_background(database, job)
    [lease] = await leases.claim(1, ANY)
    assert await leases.release(lease)
    row = await background_row(database, job.id)
    assert (row.state, row.attempt, row.lease_until, row.result) == ("queued", 0, None, None)
    [again] = await leases.claim(1, ANY)
    assert again.attempt == 1
    assert again.number > lease.number


async def test_only_the_newest_lease_writes_a_result(
    database: AsyncEngine, leases: BackgroundLeases
) -> None:
    await put_background(database, question())
    [old] = await leases.claim(1, ANY)
    await leases.release(old)
    [new] = await leases.claim(1, ANY)
    assert not await leases.finish(old, answer("늦은 답"))
    assert not await leases.release(old)
    assert await leases.renew([old]) == set()
    assert await leases.renew([new]) == {new.id}
    assert await leases.finish(new, answer())
    assert not await leases.finish(new, answer("다시"))


async def test_the_jobs_of_a_cancelled_batch_are_gone_and_their_leases_lost(
    database: AsyncEngine, leases: BackgroundLeases
) -> None:
    batch = await put_background(database, question("하나"), question("둘"))
    other = await put_background(database, question("셋"))
    [lease] = await leases.claim(1, ANY)
    async with database.begin() as connection:
        assert await client.cancel(connection, batch) == 2
        assert (await client.count(connection, other)).queued == 1
    assert await leases.renew([lease]) == set()
    assert not await leases.finish(lease, answer())


async def test_a_dead_worker_s_job_is_run_again_three_times_at_most(
    database: AsyncEngine, leases: BackgroundLeases
) -> None:
    job = question()
    batch = await put_background(database, job)
    for attempt in range(1, MAX_ATTEMPTS + 1):
        [lease] = await leases.claim(1, ANY)
        assert lease.attempt == attempt
        await change_background(database, lease_until=LONG_AGO)
        async with database.begin() as connection:
            assert await reap_background(connection) == 1
            assert await reap_background(connection) == 0
    [done] = await taken(database, batch, 1)
    assert isinstance(done.result, Failure)
    assert done.result.reason is FailureReason.ATTEMPTS_EXHAUSTED


async def test_a_living_worker_s_job_is_not_reaped(
    database: AsyncEngine, leases: BackgroundLeases
) -> None:
    await put_background(database, question())
    assert len(await leases.claim(1, ANY)) == 1
    async with database.begin() as connection:
        assert await reap_background(connection) == 0


async def test_an_unreadable_job_ends_at_once(
    database: AsyncEngine, leases: BackgroundLeases
) -> None:
    batch = await put_background(database, question())
    await change_background(database, payload={"version": 99})
    assert await leases.claim(1, ANY) == []
    [done] = await taken(database, batch, 1)
    assert isinstance(done.result, Failure)
    assert done.result.reason is FailureReason.INVALID_JOB


async def test_results_that_nobody_takes_are_forgotten_after_a_week(
    database: AsyncEngine, leases: BackgroundLeases
) -> None:
    await put_background(database, question("하나"), question("둘"))
    first, second = await leases.claim(2, ANY)
    await leases.finish(first, answer())
    await change_background(database, finished_at=datetime.now(UTC) - timedelta(days=8))
    await leases.finish(second, answer())
    async with database.begin() as connection:
        assert await forget_results(connection) == 1
    assert await background_row(database, second.id) is not None


async def test_workers_of_the_previous_version_never_see_a_background_job(
    database: AsyncEngine, redis: Redis
) -> None:
    job = question()
    await put_background(database, job)
    live = await put_live(database, redis)
    async with database.begin() as connection:
        assert list((await connection.execute(PREVIOUS_CLAIM)).scalars()) == [live.id]
        assert await reap(connection) == 0
    leases = LeaseClient(database, redis, worker="old")
    assert await leases.next_jobs(5) == []
    assert await leases.claim_one(job.id) == []
    assert (await background_row(database, job.id)).state == "queued"
    await leases.close()


async def test_two_workers_never_take_the_same_job(database: AsyncEngine) -> None:
    jobs = [question(str(number)) for number in range(20)]
    await put_background(database, *jobs)
    workers = [BackgroundLeases(database, worker=f"w{n}", lease_s=60) for n in range(4)]
    taken_by = await asyncio.gather(*(worker.claim(8, ANY) for worker in workers))
    claimed = [lease.id for leases in taken_by for lease in leases]
    assert len(claimed) == len(set(claimed))
