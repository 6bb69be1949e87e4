"""What takes away the reasons of background jobs waits for the step that takes their results."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool
from structlog.testing import capture_logs

from bot.domain.turns import Person
from bot.store.replays import items, orders
from inference_queue.background import client
from inference_queue.background.client import FinishedBackgroundJob
from tests.integration.bot.privacy.erasers import an_eraser
from tests.support.lock_waits import until_waiting
from tests.support.replays import a_feeder, answer_all, feed, items_of, order_replay
from tests.support.sample_turns import add_turn

KIM = Person(messenger="kakao", tenant="shop", sender="kim")


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine(database_url, poolclass=NullPool)
    yield engine
    await engine.dispose()


async def answered_replay(database: AsyncEngine, query: str) -> int:
    """A replay of turns of a room, whose results lie in the lane."""
    for number, sender in enumerate(("kim", "lee")):
        await add_turn(database, f"질문 {number}", key="room", sender=sender)
    replay_id = await order_replay(database, query=query)
    await feed(a_feeder(database))
    assert await answer_all(database)
    return replay_id


async def take(connection: AsyncConnection, replay_id: int) -> list[FinishedBackgroundJob]:
    """The first half of a step: the replay is locked, and the results are out of the lane."""
    replay = await orders.lock_open(connection, replay_id)
    assert replay is not None
    return await client.take_finished(connection, replay.batch_id, 100)


@pytest.mark.parametrize(
    "query",
    [
        pytest.param("", id="of the person's turns"),
        pytest.param("질문 1", id="of others' turns, which quote the person"),
    ],
)
async def test_an_erasure_waits_for_the_step_of_a_replay(
    database: AsyncEngine, redis_url: str, query: str
) -> None:
    replay_id = await answered_replay(database, query)
    async with an_eraser(database, redis_url) as eraser:
        with capture_logs() as lines:
            async with database.begin() as connection:
                finished = await take(connection, replay_id)
                erasing = asyncio.create_task(eraser.erase_all(KIM))
                await until_waiting(database)
                await items.store_results(connection, replay_id, finished)
            async with asyncio.timeout(60):
                await erasing
    assert "erase_repeated" not in {line["event"] for line in lines}
    assert [item.state for item in await items_of(database, replay_id)] == ["answered"]
