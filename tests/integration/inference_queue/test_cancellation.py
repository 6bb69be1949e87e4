"""Cancelling a job: queued, running, finished, and of another version's bot."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest
from redis.asyncio import Redis
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from inference_queue.channels import CANCEL_CHANNEL
from inference_queue.client import JobQueue
from inference_queue.leases import LeaseClient
from inference_queue.protocol import CANCELLED, Job, Message, Role
from inference_queue.schema import JobState, jobs
from tests.support.finished_jobs import take_finished


@pytest.fixture
async def leases(database: AsyncEngine, redis: Redis) -> AsyncIterator[LeaseClient]:
    leases = LeaseClient(database, redis, worker="w1", lease_s=60)
    yield leases
    await leases.close()


async def enqueue(database: AsyncEngine, queue: JobQueue) -> Job:
    job = Job(id=uuid4(), messages=(Message(Role.USER, "수도는?"),))
    async with database.begin() as connection:
        await queue.enqueue(connection, job)
    return job


async def cancel(database: AsyncEngine, queue: JobQueue, job_id: UUID) -> bool:
    async with database.begin() as connection:
        return await queue.cancel(connection, job_id)


async def test_a_queued_job_is_finished_as_cancelled_at_once(
    database: AsyncEngine, queue: JobQueue, leases: LeaseClient
) -> None:
    job = await enqueue(database, queue)
    assert await cancel(database, queue, job.id)
    assert await leases.claim(1) == []
    async with database.begin() as connection:
        [finished] = await take_finished(queue, connection)
    assert (finished.id, finished.result, finished.started_at) == (job.id, CANCELLED, None)


async def test_a_running_job_stays_with_its_worker_which_is_told(
    database: AsyncEngine, queue: JobQueue, leases: LeaseClient, redis: Redis
) -> None:
    job = await enqueue(database, queue)
    [lease] = await leases.claim(1)
    async with redis.pubsub() as subscription:
        await subscription.subscribe(CANCEL_CHANNEL)
        await subscription.get_message(timeout=5)
        assert await cancel(database, queue, job.id)
        assert await subscription.get_message(ignore_subscribe_messages=True, timeout=5)
    assert await leases.renew([lease]) == {job.id: True}
    assert await leases.finish(lease, CANCELLED)


async def test_a_renewal_during_the_cancelling_transaction_sees_its_outcome(
    database: AsyncEngine, queue: JobQueue, leases: LeaseClient
) -> None:
    job = await enqueue(database, queue)
    [lease] = await leases.claim(1)
    async with database.begin() as connection:
        assert await queue.cancel(connection, job.id)
        renewal = asyncio.create_task(leases.renew([lease]))
        await until_blocked(database)
    assert await renewal == {job.id: True}


async def until_blocked(database: AsyncEngine) -> None:
    waits = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    async with asyncio.timeout(30), database.connect() as connection:
        while not await connection.scalar(waits):
            await asyncio.sleep(0.01)


async def test_finished_or_unknown_job_cannot_be_cancelled(
    database: AsyncEngine, queue: JobQueue, leases: LeaseClient
) -> None:
    job = await enqueue(database, queue)
    [lease] = await leases.claim(1)
    await leases.finish(lease, CANCELLED)
    assert not await cancel(database, queue, job.id)
    assert not await cancel(database, queue, uuid4())


async def test_a_cancellation_that_is_rolled_back_changes_nothing(
    database: AsyncEngine, queue: JobQueue, leases: LeaseClient
) -> None:
    job = await enqueue(database, queue)
    async with database.connect() as connection:
        assert await queue.cancel(connection, job.id)
        await connection.rollback()
        state = await connection.scalar(select(jobs.c.state).where(jobs.c.id == job.id))
    assert state == JobState.QUEUED
    assert [lease.job.id for lease in await leases.claim(1)] == [job.id]


async def test_a_job_of_a_bot_that_still_sends_a_priority_is_answered(
    database: AsyncEngine, queue: JobQueue, leases: LeaseClient
) -> None:
    job = await enqueue(database, queue)
    statement = text("UPDATE jobs SET payload = payload || '{\"priority\": 7}', priority = 7")
    async with database.begin() as connection:
        await connection.execute(statement)
    assert [lease.job for lease in await leases.claim(1)] == [job]


async def test_neither_payload_nor_column_gets_a_priority(
    database: AsyncEngine, queue: JobQueue
) -> None:
    await enqueue(database, queue)
    async with database.connect() as connection:
        row = (await connection.execute(select(jobs.c.payload, jobs.c.priority))).one()
    assert "priority" not in row.payload
    assert row.priority == 0
