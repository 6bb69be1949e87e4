"""Which wake-ups let a bot settle jobs unread, and what is read all the same."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from sqlalchemy import text

from bot.conversation import settler
from bot.conversation.settler import SETTLE_BATCH
from bot.store.settlements import SETTLE, SETTLE_UNREAD
from inference_queue.channels import FINISHED_CHANNEL
from inference_queue.client import FINISHED_JOBS
from inference_queue.protocol import Failure, FailureReason
from runtime.pubsub import UNNAMED
from runtime.tasks import cancel_and_wait
from tests.integration.bot.conversation.conversation_parts import Parts, running_parts
from tests.support.seen_statements import seen_statements

UNREAD, READ, WRITE = str(SETTLE_UNREAD), str(FINISHED_JOBS), str(SETTLE)


@pytest.fixture
async def parts(
    database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Parts]:
    """A bot that has just looked for what is finished."""
    monkeypatch.setattr(settler, "SETTLE_POLL_S", 600.0)
    async with running_parts(database_url, redis_url) as parts:
        await parts.settler.settle()
        yield parts


async def answered(parts: Parts, count: int, words: str = "말") -> set[str]:
    """Turns with finished jobs; the causes of their wake-ups."""
    for number in range(count):
        await parts.wait(f"{words} {number}")
    await parts.schedule_all()
    assert await parts.work() == count
    return await parts.causes()


async def test_a_bot_gives_another_one_time_for_its_jobs(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    causes = await answered(parts, 2)
    async with parts.other_bot() as other:
        await other.settler.settle_woken(())  # all is settled
        assert await other.statuses() == {"말 0": "answered", "말 1": "answered"}
        causes = await answered(parts, 2, "또")
        with seen_statements(other.database) as seen:
            assert await other.settler.settle_woken(causes) == 0
            assert seen == []
            await asyncio.sleep(settler.OTHERS_S)
            assert await other.settler.settle_woken([str(UUID(int=1))]) == 2
        assert seen == [READ, WRITE]


async def test_a_bot_whose_own_jobs_come_with_others_reads_none_of_them(parts: Parts) -> None:
    causes = await answered(parts, 2)
    with seen_statements(parts.database) as seen:
        assert await parts.settler.settle_woken({*causes, str(UUID(int=1)), "no id"}) == 2
    assert seen == [UNREAD]


async def test_a_wake_up_that_may_tell_of_any_job_lets_all_be_read(parts: Parts) -> None:
    causes = await answered(parts, 2)
    with seen_statements(parts.database) as seen:
        assert await parts.settler.settle_woken({causes.pop(), UNNAMED}) == 2
    assert seen == [UNREAD, READ, WRITE]


async def test_the_jobs_of_a_bot_that_died_are_settled_soon(parts: Parts) -> None:
    """By another one, which looks for them without a further wake-up."""
    async with parts.other_bot() as other, other.finished:
        settling = asyncio.create_task(other.settler.keep_settling())
        try:
            while (await parts.redis.pubsub_numsub(FINISHED_CHANNEL))[0][1] == 0:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.05)  # it has looked once, and waits for ten minutes
            await answered(parts, 1)
            async with asyncio.timeout(10):
                while await parts.statuses() != {"말 0": "answered"}:
                    await asyncio.sleep(0.01)
        finally:
            await cancel_and_wait(settling)


async def test_more_than_a_batch_is_read(parts: Parts) -> None:
    causes = await answered(parts, SETTLE_BATCH + 1)
    with seen_statements(parts.database) as seen:
        assert await parts.settler.settle_woken(causes) == SETTLE_BATCH
    assert seen == [READ, WRITE]


async def test_a_job_is_settled_unread_by_its_first_wake_up_alone(parts: Parts) -> None:
    causes = await answered(parts, 1)
    async with parts.database.begin() as other:
        await other.execute(text("SELECT FROM jobs FOR UPDATE"))
        assert await parts.settler.settle_woken(causes) == 1  # found, and another one has it
    with seen_statements(parts.database) as seen:
        assert await parts.settler.settle_woken(causes) == 0
        assert await parts.settler.settle_woken(()) == 1
    assert seen == [READ, WRITE]


async def test_a_paused_job_shares_no_statement(parts: Parts) -> None:
    [bad] = await answered(parts, 1)
    await parts.execute("ALTER TABLE turns ADD CONSTRAINT of_this_test CHECK (answer IS NULL)")
    await parts.execute("ALTER TABLE turns ADD CONSTRAINT of_that CHECK (status <> 'failed')")
    await parts.settler.settle()
    parts.queue.wake(parts.queue.take_announced([bad]))  # as if it were not known yet
    with seen_statements(parts.database) as seen:
        assert await parts.settler.settle_woken({bad}) == 0
    assert seen == [READ]


async def test_what_is_left_is_read_in_the_same_round(parts: Parts) -> None:
    for words in ("가", "나", "다"):
        await parts.wait(words)
    await parts.schedule_all()
    failure = Failure(reason=FailureReason.OUT_OF_MEMORY, message="x")
    for lease in await parts.worker.claim(1):
        await parts.worker.finish(lease, failure)
    assert await parts.work() == 2
    causes = await parts.causes()
    with seen_statements(parts.database) as seen:
        assert await parts.settler.settle_woken(causes) == 3
    assert seen == [UNREAD, READ, WRITE]
    assert sorted((await parts.statuses()).values()) == ["answered", "answered", "failed"]


async def test_a_lost_wake_up_is_made_up_for_while_others_come(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    causes = await answered(parts, 3)
    with seen_statements(parts.database) as seen:
        assert await parts.settler.settle_woken([causes.pop()]) == 1
    assert seen == [UNREAD]
    monkeypatch.setattr(settler, "SETTLE_POLL_S", 0.0)
    await parts.settler.settle()
    causes = await answered(parts, 2)
    with seen_statements(parts.database) as seen:
        assert await parts.settler.settle_woken([causes.pop()]) == 2
    assert seen == [UNREAD, READ, WRITE]


async def test_a_worker_s_wake_up_settles_its_job_unread(parts: Parts) -> None:
    async with parts.finished:
        settling = asyncio.create_task(parts.settler.keep_settling())
        try:
            async with asyncio.timeout(30):
                while (await parts.redis.pubsub_numsub(FINISHED_CHANNEL))[0][1] == 0:
                    await asyncio.sleep(0.01)
                with seen_statements(parts.database) as seen:
                    await answered(parts, 1)
                    while await parts.statuses() != {"말 0": "answered"}:
                        await asyncio.sleep(0.01)
        finally:
            await cancel_and_wait(settling)
    assert seen.count(UNREAD) == 1
    assert WRITE not in seen
