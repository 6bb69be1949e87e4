"""Turns that wait, where their time is over at the moment in which they are scheduled."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.store import conversations, sweeping, turns
from bot.store.queueing import queue_turns
from bot.store.waiting_turns import waiting_conversations
from runtime.database import connect_database
from tests.support.planned_turns import planned
from tests.support.sample_turns import add_turn, conversation_of


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = connect_database(database_url, pool_size=2)
    yield engine
    await engine.dispose()


async def expire(database: AsyncEngine) -> list[str]:
    async with database.begin() as connection:
        return [str(turn_id) for turn_id in await sweeping.expire_waiting(connection)]


async def test_a_turn_that_has_been_chosen_for_a_job_does_not_expire_before_it_is_queued(
    database: AsyncEngine,
) -> None:
    turn_id = await add_turn(database, answer=None, delivery=None)
    elsewhere = await add_turn(database, answer=None, delivery=None, key="room-2")
    wanted = [await conversation_of(database)]
    async with database.begin() as connection:
        locked = await conversations.lock_free_conversations(connection, wanted)
        [waiting] = await waiting_conversations(connection, locked)
        assert await expire(database) == [str(elsewhere)]
        queued = await queue_turns(connection, [planned(waiting)])
        assert list(queued.jobs) == [waiting.turns[0].id]
    assert await expire(database) == []
    async with database.connect() as connection:
        turn = await turns.find_turn(connection, turn_id)
    assert turn is not None
    assert turn.status == "queued"


async def test_a_turn_that_expires_is_chosen_for_no_job(database: AsyncEngine) -> None:
    turn_id = await add_turn(database, answer=None, delivery=None)
    wanted = [await conversation_of(database)]
    async with database.begin() as connection:
        assert await sweeping.expire_waiting(connection) == [turn_id]
        async with database.begin() as locking:
            assert await conversations.lock_free_conversations(locking, wanted) == []
    async with database.begin() as locking:
        locked = await conversations.lock_free_conversations(locking, wanted)
        assert await waiting_conversations(locking, locked) == []
