"""The queue on real Postgres and Valkey: leases, fencing, order, reaping."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from redis.asyncio import Redis
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from inference_queue.channels import TOKENS_KEY, TOKENS_TTL_S, WAKE_CHANNEL
from inference_queue.client import JobQueue
from inference_queue.leases import Lease, LeaseClient
from inference_queue.protocol import (
    Completion,
    Failure,
    FailureReason,
    FinishReason,
    Job,
    Message,
    Role,
)
from inference_queue.reaper import MAX_ATTEMPTS, reap
from inference_queue.schema import jobs
from inference_queue.token_stream import (
    MAX_CHUNKS_READ,
    TokenStream,
    current_run,
    stream_keys,
)
from runtime.pubsub import WakeupSubscriber
from runtime.redis_client import connect_redis
from tests.support.finished_jobs import take_finished

COMPLETION = Completion(
    text="서울이에요.",
    finish_reason=FinishReason.STOP,
    model="m",
    prompt_tokens=3,
    completion_tokens=4,
)


@pytest.fixture
async def leases(database: AsyncEngine, redis: Redis) -> AsyncIterator[LeaseClient]:
    leases = LeaseClient(database, redis, worker="w1", lease_s=5)
    yield leases
    await leases.close()


async def put(database: AsyncEngine, queue: JobQueue, **fields: object) -> Job:
    job = Job(id=uuid4(), messages=(Message(Role.USER, "수도는?"),), **fields)  # type: ignore[arg-type]
    async with database.begin() as connection:
        await queue.enqueue(connection, job)
    return job


async def lose_lease(database: AsyncEngine, lease: Lease) -> None:
    """What time does to a frozen worker."""
    async with database.begin() as connection:
        await connection.execute(
            update(jobs)
            .where(jobs.c.id == lease.job.id)
            .values(lease_until=datetime.now(UTC) - timedelta(seconds=1))
        )


async def run_reaper(database: AsyncEngine) -> int:
    async with database.begin() as connection:
        return await reap(connection)


async def results(database: AsyncEngine, queue: JobQueue) -> list[Completion | Failure]:
    async with database.begin() as connection:
        return [done.result for done in await take_finished(queue, connection)]


async def test_a_job_comes_back_as_it_went_in(
    database: AsyncEngine, queue: JobQueue, leases: LeaseClient
) -> None:
    job = await put(database, queue, deadline=datetime.now(UTC) + timedelta(minutes=1))
    [lease] = await leases.claim(8)
    assert lease.job == job
    assert lease.attempt == 1
    assert await leases.finish(lease, COMPLETION)
    assert await results(database, queue) == [COMPLETION]


async def test_one_job_goes_to_one_worker(
    database: AsyncEngine, queue: JobQueue, redis: Redis
) -> None:
    for _ in range(40):
        await put(database, queue)
    workers = [LeaseClient(database, redis, worker=f"w{n}") for n in range(4)]
    claimed = [
        lease.job.id
        for batch in await asyncio.gather(*(w.claim(7) for w in workers for _ in range(2)))
        for lease in batch
    ]
    assert len(claimed) == len(set(claimed)) == 40


async def test_the_earliest_deadline_is_claimed_first_and_then_the_oldest(
    database: AsyncEngine, queue: JobQueue, leases: LeaseClient
) -> None:
    now = datetime.now(UTC)
    oldest = await put(database, queue)
    late = await put(database, queue, deadline=now + timedelta(minutes=9))
    soon = await put(database, queue, deadline=now + timedelta(minutes=1))
    order = [(await leases.claim(1))[0].job.id for _ in range(3)]
    assert order == [soon.id, late.id, oldest.id]


async def test_a_worker_that_lost_its_lease_can_neither_renew_nor_finish(
    database: AsyncEngine, queue: JobQueue, leases: LeaseClient, redis: Redis
) -> None:
    await put(database, queue)
    [zombie] = await leases.claim(1)
    await lose_lease(database, zombie)
    assert await run_reaper(database) == 1
    [lease] = await LeaseClient(database, redis, worker="w2").claim(1)
    assert lease.number > zombie.number
    assert await leases.renew([zombie]) == {}
    assert not await leases.finish(zombie, COMPLETION)
    assert not await leases.release(zombie)
    assert await results(database, queue) == []
    assert await leases.finish(lease, COMPLETION)


async def test_rolled_back_claim_gives_its_worker_no_lease(
    database: AsyncEngine, queue: JobQueue, leases: LeaseClient, redis: Redis
) -> None:
    # Claims do not wait for the disk: a crash of Postgres leaves the row as it was before.
    await put(database, queue)
    [forgotten] = await leases.claim(1)
    before = {"state": "queued", "lease": 0, "attempt": 0, "lease_until": None, "worker": None}
    async with database.begin() as connection:
        await connection.execute(jobs.update().values(before))
    [lease] = await LeaseClient(database, redis, worker="w2").claim(1)
    assert await leases.renew([forgotten]) == {}
    assert not await leases.finish(forgotten, COMPLETION)
    assert not await leases.release(forgotten)
    assert await leases.finish(lease, COMPLETION)
    assert await results(database, queue) == [COMPLETION]


async def test_job_is_a_dead_letter_after_three_lost_leases(
    database: AsyncEngine, queue: JobQueue, leases: LeaseClient
) -> None:
    await put(database, queue)
    for _ in range(MAX_ATTEMPTS):
        [lease] = await leases.claim(1)
        await lose_lease(database, lease)
        await run_reaper(database)
    assert await leases.claim(1) == []
    [failure] = await results(database, queue)
    assert isinstance(failure, Failure)
    assert failure.reason is FailureReason.ATTEMPTS_EXHAUSTED


async def test_a_job_given_back_on_a_drain_keeps_its_attempts(
    database: AsyncEngine, queue: JobQueue, leases: LeaseClient
) -> None:
    await put(database, queue)
    for _ in range(MAX_ATTEMPTS + 2):
        [lease] = await leases.claim(1)
        assert lease.attempt == 1
        assert await leases.release(lease, counts=False)


async def test_a_job_given_back_waits_its_delay(
    database: AsyncEngine, queue: JobQueue, leases: LeaseClient
) -> None:
    await put(database, queue)
    [lease] = await leases.claim(1)
    await leases.release(lease, delay_s=60)
    assert await leases.claim(1) == []


async def test_expired_delivery_is_never_claimed(
    database: AsyncEngine, queue: JobQueue, leases: LeaseClient
) -> None:
    await put(database, queue, deadline=datetime.now(UTC) - timedelta(seconds=1))
    assert await leases.claim(1) == []
    await run_reaper(database)
    [failure] = await results(database, queue)
    assert isinstance(failure, Failure)
    assert failure.reason is FailureReason.EXPIRED


async def test_a_running_job_learns_of_its_cancellation_with_the_renewal(
    database: AsyncEngine, queue: JobQueue, leases: LeaseClient
) -> None:
    job = await put(database, queue)
    [lease] = await leases.claim(1)
    assert await leases.renew([lease]) == {job.id: False}
    async with database.begin() as connection:
        await queue.cancel(connection, job.id)
    assert await leases.renew([lease]) == {job.id: True}


async def test_a_waiting_job_that_is_cancelled_ends_without_a_worker(
    database: AsyncEngine, queue: JobQueue, leases: LeaseClient
) -> None:
    job = await put(database, queue)
    async with database.begin() as connection:
        await queue.cancel(connection, job.id)
    assert await leases.claim(1) == []
    await run_reaper(database)
    [failure] = await results(database, queue)
    assert isinstance(failure, Failure)
    assert failure.reason is FailureReason.CANCELLED


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"version": 99},
        {"version": 1, "id": "no", "messages": []},
        {"version": 1},
        [],
        "x",
        None,
    ],
)
async def test_a_payload_that_is_no_job_fails_alone(
    database: AsyncEngine, queue: JobQueue, leases: LeaseClient, payload: object
) -> None:
    good, bad = await put(database, queue), await put(database, queue)
    async with database.begin() as connection:
        await connection.execute(update(jobs).where(jobs.c.id == bad.id).values(payload=payload))
    assert [lease.job.id for lease in await leases.claim(4)] == [good.id]
    [failure] = await results(database, queue)
    assert isinstance(failure, Failure)
    assert failure.reason is FailureReason.INVALID_JOB


async def test_finished_jobs_are_taken_by_one_and_then_gone(
    database: AsyncEngine, queue: JobQueue, leases: LeaseClient
) -> None:
    job = await put(database, queue)
    [lease] = await leases.claim(1)
    await leases.finish(lease, COMPLETION)
    async with database.begin() as mine, database.begin() as theirs:
        assert [done.id for done in await take_finished(queue, mine)] == [job.id]
        assert await take_finished(queue, theirs) == []
    async with database.connect() as connection:
        assert (await connection.execute(select(jobs.c.id))).all() == []


async def test_the_streamed_text_is_the_current_attempts_only(
    database: AsyncEngine, queue: JobQueue, leases: LeaseClient
) -> None:
    job = await put(database, queue)
    [first] = await leases.claim(1)
    await leases.stream(first, "낡은 ")
    await leases.release(first)
    [second] = await leases.claim(1)
    for piece in ("새 ", "답변"):
        await leases.stream(second, piece)
    async with database.connect() as connection:
        assert await queue.partial(connection, job.id) == "새 답변"
        assert await queue.partial(connection, uuid4()) == ""


async def test_the_text_of_a_worker_that_gave_the_job_back_is_not_mixed_in(
    database: AsyncEngine, queue: JobQueue, leases: LeaseClient, redis: Redis
) -> None:
    job = await put(database, queue)
    [first] = await leases.claim(1)
    for _ in range(MAX_CHUNKS_READ + 1):
        await leases.stream(first, "낡은 ")
    await leases.release(first, counts=False)
    [second] = await leases.claim(1)
    assert second.attempt == first.attempt
    await leases.stream(second, "새 ")
    await leases.stream(first, "낡은 ")
    await leases.stream(second, "답변")
    async with database.connect() as connection:
        assert await queue.partial(connection, job.id) == "새 답변"
        run = await current_run(connection, job.id)
    assert run is not None
    chunks = await TokenStream(redis).read_new(run)
    assert "".join(chunk.text for chunk in chunks) == "새 답변"
    assert await TokenStream(redis).read_new(run, chunks[-1].id) == []


async def test_behind_a_piece_that_redis_lost_nothing_is_shown(
    database: AsyncEngine, queue: JobQueue, leases: LeaseClient, redis: Redis
) -> None:
    job = await put(database, queue)
    [lease] = await leases.claim(1)
    await leases.stream(lease, "가나", at=0)
    await leases.stream(lease, "다", at=2)
    await leases.stream(lease, "바", at=5)
    async with database.connect() as connection:
        assert await queue.partial(connection, job.id) == "가나다"
        await redis.delete(*stream_keys(job.id))
        await leases.stream(lease, "사", at=6)
        assert await queue.partial(connection, job.id) == ""


async def test_a_stream_has_an_end_of_its_time_whatever_redis_loses(
    database: AsyncEngine, queue: JobQueue, leases: LeaseClient, redis: Redis
) -> None:
    job = await put(database, queue)
    [lease] = await leases.claim(1)
    key = stream_keys(job.id)[0]
    await leases.stream(lease, "가", at=0)
    await until_lasting(redis, key, TOKENS_TTL_S)
    await redis.expire(key, 10)
    await leases.stream(lease, "나", at=1, lasts=True)
    async with database.connect() as connection:
        assert await queue.partial(connection, job.id) == "가나"
    await until_lasting(redis, key, 10)
    await leases.stream(lease, "다", at=2)
    await until_lasting(redis, key, TOKENS_TTL_S)
    await redis.delete(key)
    await leases.stream(lease, "라", at=3, lasts=True)
    async with database.connect() as connection:
        assert await queue.partial(connection, job.id) == ""
    assert not await redis.exists(key)


async def until_lasting(redis: Redis, key: str, seconds: int) -> None:
    """Return once the key lasts about so long."""
    async with asyncio.timeout(10):
        while not seconds - 5 <= await redis.ttl(key) <= seconds:
            await asyncio.sleep(0.01)


async def test_the_text_of_a_worker_of_the_previous_version_is_shown(
    database: AsyncEngine, queue: JobQueue, leases: LeaseClient, redis: Redis
) -> None:
    job = await put(database, queue)
    [lease] = await leases.claim(1)
    await redis.xadd(TOKENS_KEY.format(id=job.id, attempt=lease.attempt), {"text": "답변"})
    async with database.connect() as connection:
        assert await queue.partial(connection, job.id) == "답변"


async def test_wakeup_crosses_processes_and_a_burst_is_coalesced(redis: Redis) -> None:
    queue = JobQueue(redis)
    async with redis.pubsub() as raw, WakeupSubscriber(redis, WAKE_CHANNEL) as bell:
        await raw.subscribe(WAKE_CHANNEL)
        await raw.get_message(timeout=2)
        await asyncio.sleep(0.2)
        for _ in range(100):
            queue.wake()
        await asyncio.wait_for(bell.wait(poll_s=30), 30)
        await queue.close()
        messages = 0
        while await raw.get_message(ignore_subscribe_messages=True, timeout=0.2):
            messages += 1
        assert 1 <= messages <= 3


async def test_without_redis_the_queue_still_works(
    database: AsyncEngine,
) -> None:
    async with connect_redis("redis://127.0.0.1:1/0") as nowhere:
        queue, leases = JobQueue(nowhere), LeaseClient(database, nowhere, worker="w")
        job = await put(database, queue)
        queue.wake()
        [lease] = await leases.claim(1)
        await leases.stream(lease, "조각")
        assert await leases.finish(lease, COMPLETION)
        async with database.connect() as connection:
            assert await queue.partial(connection, job.id) == ""
        async with WakeupSubscriber(nowhere, WAKE_CHANNEL) as bell:
            await asyncio.wait_for(bell.wait(poll_s=0.05), 30)
        await queue.close()
        await leases.close()


async def test_a_late_job_does_not_make_the_next_one_late(
    database: AsyncEngine, queue: JobQueue, leases: LeaseClient
) -> None:
    """EDF alone would answer the hopeless one first; here it waits for its second deadline."""
    now = datetime.now(UTC)
    held = {"deadline": now + timedelta(minutes=30)}
    hopeless = await put(database, queue, due=now + timedelta(seconds=2), **held)
    tight = await put(database, queue, due=now + timedelta(seconds=20), **held)
    loose = await put(database, queue, due=now + timedelta(seconds=50), **held)
    order = [(await leases.claim(1, typical_s=10))[0].job.id for _ in range(3)]
    assert order == [tight.id, loose.id, hopeless.id]


async def test_a_job_without_a_deadline_is_served_under_permanent_overload(
    database: AsyncEngine, queue: JobQueue, leases: LeaseClient
) -> None:
    patient = await put(database, queue)
    taken = []
    for round_number in range(12):
        # A minute passes between two rounds, and each brings more than is taken.
        async with database.begin() as connection:
            await connection.execute(
                update(jobs).values(
                    {
                        name: getattr(jobs.c, name) - timedelta(minutes=1)
                        for name in ("created_at", "due", "deadline")
                    }
                )
            )
        for _ in range(3):
            now = datetime.now(UTC)
            soon, end = now + timedelta(seconds=48), now + timedelta(minutes=30)
            await put(database, queue, due=soon, deadline=end)
        [lease] = await leases.claim(1, typical_s=5)
        taken.append(lease.job.id)
        if patient.id in taken:
            break
        assert round_number < 11
    assert taken[-1] == patient.id


@pytest.mark.parametrize(
    "field", [{"text": None}, {"prompt_tokens": 2**40}, {"completion_tokens": "many"}, {"kind": 1}]
)
async def test_a_result_that_is_none_fails_its_job_alone(
    database: AsyncEngine, queue: JobQueue, leases: LeaseClient, field: dict[str, object]
) -> None:
    for _ in range(2):
        await put(database, queue)
    bad, good = await leases.claim(2)
    await leases.finish(bad, COMPLETION)
    await leases.finish(good, COMPLETION)
    async with database.begin() as connection:
        found = await connection.scalar(select(jobs.c.result).where(jobs.c.id == bad.job.id))
        stored = dict(found or {})
        await connection.execute(
            update(jobs).where(jobs.c.id == bad.job.id).values(result={**stored, **field})
        )
    by_kind = sorted(type(result).__name__ for result in await results(database, queue))
    assert by_kind == ["Completion", "Failure"]
