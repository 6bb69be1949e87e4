"""A person who cancels is not answered, whatever the turn is doing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from bot.domain.deliveries import DeliveryVia, ReplyHandle
from tests.integration.bot.conversation.conversation_parts import Parts, completion, running_parts
from tests.support.stack import running_stack, running_worker, served, until_ready


@pytest.fixture
async def parts(database_url: str, redis_url: str) -> AsyncIterator[Parts]:
    async with running_parts(database_url, redis_url) as parts:
        yield parts


async def turn_and_delivery(parts: Parts, turn_id: UUID) -> tuple[str, str]:
    [row] = await parts.rows(
        f"SELECT status, state FROM turns JOIN deliveries ON turn_id = id WHERE id = '{turn_id}'"
    )
    return row.status, row.state


async def test_a_waiting_turn_is_cancelled_at_once_and_nothing_is_sent(parts: Parts) -> None:
    await parts.wait("erste", key="철수")
    second = await parts.wait("zweite", key="철수")
    await parts.schedule_all()
    assert await parts.inbox.cancel(second)
    assert await turn_and_delivery(parts, second) == ("cancelled", "expired")
    assert parts.notified == [second]
    await parts.work()
    await parts.settler.settle()
    await parts.scheduler.close()
    assert await parts.statuses() == {"erste": "answered", "zweite": "cancelled"}


async def test_a_queued_turn_is_cancelled_without_any_worker(parts: Parts) -> None:
    turn_id = await parts.wait("frage")
    await parts.wait("danach", key="frage")
    await parts.schedule_all()
    assert await parts.inbox.cancel(turn_id)
    assert await parts.settler.settle() == 1
    assert await turn_and_delivery(parts, turn_id) == ("cancelled", "expired")
    await parts.scheduler.close()
    assert (await parts.statuses())["danach"] == "queued"
    assert await parts.worker.claim(9)


async def test_the_job_of_a_generating_turn_is_asked_to_stop(parts: Parts) -> None:
    turn_id = await parts.wait("frage")
    await parts.schedule_all()
    [lease] = await parts.worker.claim(1)
    await parts.sweeper.mark()
    assert await parts.inbox.cancel(turn_id)
    assert await parts.worker.renew([lease]) == {lease.job.id: True}
    assert (await parts.statuses())["frage"] == "generating"


async def test_a_worker_that_was_faster_than_the_request_has_answered(parts: Parts) -> None:
    turn_id = await parts.wait("frage")
    await parts.schedule_all()
    await parts.work()
    assert not await parts.inbox.cancel(turn_id)
    await parts.settler.settle()
    assert await turn_and_delivery(parts, turn_id) == ("answered", "pending")
    assert not await parts.inbox.cancel(turn_id)


async def test_an_unknown_turn_is_not_cancelled(parts: Parts) -> None:
    assert not await parts.inbox.cancel(uuid4())


async def test_a_cancelled_turn_of_an_open_webhook_gets_its_sentence(parts: Parts) -> None:
    now = datetime.now(UTC)
    reply = ReplyHandle(
        via=DeliveryVia.SYNC,
        sync_until=now + timedelta(seconds=4),
        expires_at=now + timedelta(minutes=5),
    )
    turn_id = await parts.wait("frage", messenger="kakao", reply=reply)
    assert await parts.inbox.cancel(turn_id)
    assert await turn_and_delivery(parts, turn_id) == ("cancelled", "pending")


async def test_a_turn_that_is_being_scheduled_is_cancelled_once_it_is_queued(
    parts: Parts,
) -> None:
    turn_id = await parts.wait("frage")
    async with parts.database.begin() as scheduling:
        await scheduling.execute(text("SELECT 1 FROM conversations FOR UPDATE"))
        cancelling = asyncio.create_task(parts.inbox.cancel(turn_id))
        locks = "SELECT 1 FROM pg_locks WHERE NOT granted"
        while not await parts.rows(locks):
            await asyncio.sleep(0.01)
        job_id = uuid4()
        await scheduling.execute(
            text("UPDATE turns SET status = 'queued', job_id = :job"), {"job": job_id}
        )
        await scheduling.execute(
            text("INSERT INTO jobs (id, payload) VALUES (:job, '{}')"), {"job": job_id}
        )
    assert await cancelling
    assert await parts.settler.settle() == 1
    assert (await parts.statuses())["frage"] == "cancelled"


@pytest.mark.parametrize("_", range(5))
async def test_cancelling_and_settling_at_once_end_in_one_of_the_two(parts: Parts, _: int) -> None:
    turn_id = await parts.wait("frage")
    await parts.schedule_all()
    [lease] = await parts.worker.claim(1)
    _, stopped, _ = await asyncio.gather(
        parts.worker.finish(lease, completion("답")),
        parts.inbox.cancel(turn_id),
        parts.settler.settle(),
    )
    await parts.settler.settle()
    assert isinstance(stopped, bool)
    assert (await parts.statuses())["frage"] == "answered"
    assert await parts.rows("SELECT 1 FROM jobs") == []


async def test_a_running_answer_stops_on_the_engine(database_url: str, redis_url: str) -> None:
    from bot import app_keys

    async with (
        served(delay_per_token_s=5) as (server, engine),
        running_stack(database_url, redis_url) as stack,
        running_worker(database_url, redis_url, engine, lease_s=15),
    ):
        await until_ready(stack)
        await stack.say_slack("그만둘 질문")
        await server.until(lambda s: s.running == 1)
        turn = await stack.until("SELECT id FROM turns WHERE status = 'generating'")
        assert await stack.app[app_keys.INBOX].cancel(turn.id)
        await server.until(lambda s: s.aborted == 1)
        await stack.until("SELECT 1 FROM turns WHERE status = 'cancelled'")
        delivery = await stack.until("SELECT * FROM deliveries WHERE state = 'expired'")
        assert "cancelled" in delivery.detail
        assert stack.slack.posts == []
