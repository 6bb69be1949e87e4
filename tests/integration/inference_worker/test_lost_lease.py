"""A worker that lost its lease, and finds its own job in the queue."""

from __future__ import annotations

import asyncio
from pathlib import Path
from uuid import uuid4

from sqlalchemy import text

from bot import app_keys
from bot.store.migrations import migrate
from inference_queue.channels import WAKE_CHANNEL
from inference_queue.client import JobQueue
from inference_queue.leases import LeaseClient
from inference_queue.protocol import Completion, FinishReason, Job, Message, Role
from inference_queue.reaper import reap
from onebox.embedded_servers import embedded_postgres
from runtime.database import connect_database
from runtime.pubsub import WakeupPublisher
from runtime.redis_client import connect_redis
from tests.support.stack import running_stack, running_worker, served


async def test_a_worker_that_claims_its_own_lost_job_keeps_the_new_lease(
    database_url: str, redis_url: str
) -> None:
    words = " ".join("가나다라마바사아자차카타파하")
    async with (
        served(delay_per_token_s=0.24, reply=lambda _: words) as made,
        running_stack(database_url, redis_url) as stack,
        running_worker(database_url, redis_url, made[1], lease_s=1.2),
    ):
        await stack.say_slack("천천히 말해 줘")
        await stack.until("SELECT 1 FROM jobs WHERE started_at < now() - interval '2.6 s'")
        async with stack.database.begin() as connection:
            # What the reaper does once Postgres was away for longer than a lease.
            await connection.execute(text("UPDATE jobs SET state = 'queued', lease_until = NULL"))
        wake = WakeupPublisher(stack.app[app_keys.REDIS], WAKE_CHANNEL)
        wake.publish()
        await wake.close()
        assert (await stack.slack.next_post()).markdown == words
        assert len(made[0].requests) == 2


async def test_a_lease_that_ran_out_while_postgres_was_away_is_its_holders_for_a_while(
    redis_url: str, tmp_path: Path
) -> None:
    redis = connect_redis(redis_url)
    queue = JobQueue(redis)
    async with embedded_postgres(tmp_path, durable=False) as url:
        await migrate(url)
        database = connect_database(url, pool_size=1)
        leases = LeaseClient(database, redis, worker="w", lease_s=0.1)
        async with database.begin() as connection:
            await queue.enqueue(connection, Job(id=uuid4(), messages=(Message(Role.USER, "말"),)))
        [lease] = await leases.claim(1)
        await database.dispose()
    await asyncio.sleep(0.1)
    async with embedded_postgres(tmp_path, durable=False) as url:
        database = connect_database(url, pool_size=1)
        leases = LeaseClient(database, redis, worker="w", lease_s=0.1)
        async with database.begin() as connection:
            assert await reap(connection) == 0
        answer = Completion(
            text="답",
            finish_reason=FinishReason.STOP,
            model="m",
            prompt_tokens=1,
            completion_tokens=1,
        )
        assert await leases.finish(lease, answer)
        await leases.close()
        await database.dispose()
    await queue.close()
    await redis.aclose()
