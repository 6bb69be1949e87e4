"""The log of messages that show answers: who may begin, and what is known of each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from bot.domain.posts import PostState
from bot.domain.turns import TurnStatus
from bot.store import posts
from bot.store.settlements import Settlement, settle
from runtime.direct import begin_directly, connect_directly
from tests.integration.bot.conversation.conversation_parts import Parts, running_parts

ME = uuid4()


@pytest.fixture
async def parts(database_url: str, redis_url: str) -> AsyncIterator[Parts]:
    async with running_parts(database_url, redis_url) as parts:
        yield parts


async def begin(parts: Parts, turn_id: UUID, seconds: float = 8.0) -> bool:
    async with parts.database.begin() as connection:
        return await posts.begin(connection, turn_id, "C1", writer=ME, seconds=seconds)


async def announce(parts: Parts, turn_id: UUID, part: int = 0) -> bool:
    async with parts.database.begin() as connection:
        return await posts.announce(connection, turn_id, part, "C1")


async def note(parts: Parts, turn_id: UUID, state: PostState, ts: str | None = None) -> bool:
    async with parts.database.begin() as connection:
        return await posts.note(connection, turn_id, 0, state, ts)


async def of_turn(parts: Parts, turn_id: UUID) -> dict[int, posts.Post]:
    async with parts.database.connect() as connection:
        return await posts.of_turn(connection, turn_id)


async def test_one_writer_begins_and_no_delivery_beside_it(parts: Parts) -> None:
    turn_id = await parts.wait("하나")
    assert await begin(parts, turn_id)
    assert not await begin(parts, turn_id)
    assert not await announce(parts, turn_id)
    assert await announce(parts, turn_id, part=1)
    assert not await begin(parts, uuid4())
    assert not await announce(parts, uuid4())


async def test_only_the_note_of_a_stream_waits_for_no_disk(parts: Parts) -> None:
    turn_id = await parts.wait("하나")
    assert await begin(parts, turn_id)
    noted = ((PostState.STREAMING, "off"), (PostState.WRITING, "on"), (PostState.FINAL, "on"))
    for state, synchronous in noted:
        async with begin_directly(parts.database) as connection:
            await connection.execute(text("SET LOCAL synchronous_commit = on"))
            assert await posts.note(connection, turn_id, 0, state, "1.000001")
            assert await connection.scalar(text("SHOW synchronous_commit")) == synchronous


async def test_a_settled_turn_is_not_written_live(parts: Parts) -> None:
    turn_id = await parts.wait("하나")
    await parts.schedule_all()
    await parts.work()
    await parts.settler.settle()
    assert not await begin(parts, turn_id)
    assert await announce(parts, turn_id)


async def test_a_delivery_waits_for_a_writer_of_the_same_moment(parts: Parts) -> None:
    turn_id = await parts.wait("하나")
    async with parts.database.begin() as connection:
        assert await posts.begin(connection, turn_id, "C1", writer=ME, seconds=8.0)
        waiting = asyncio.create_task(announce(parts, turn_id))
        await asyncio.sleep(0.2)
        assert not waiting.done()
    assert not await waiting


async def stopped_job(parts: Parts, turn_id: UUID) -> Settlement:
    """The result of the turn's job, which was stopped before it wrote anything."""
    assert await parts.canceller.cancel(turn_id)
    [row] = await parts.rows(f"SELECT job_id FROM turns WHERE id = '{turn_id}'")
    return Settlement(job_id=row.job_id, status=TurnStatus.CANCELLED, started_at=None)


async def test_nothing_is_begun_while_a_stop_ends_the_delivery(parts: Parts) -> None:
    turn_id = await parts.wait("하나")
    await parts.schedule_all()
    stopped = await stopped_job(parts, turn_id)
    async with begin_directly(parts.database) as connection:
        assert await settle(connection, [stopped])
        waiting = asyncio.create_task(begin(parts, turn_id))
        await asyncio.sleep(0.2)
        assert not waiting.done()
    assert not await waiting


async def test_a_stop_ends_no_delivery_of_a_message_that_is_being_begun(parts: Parts) -> None:
    turn_id = await parts.wait("하나")
    await parts.schedule_all()
    stopped = await stopped_job(parts, turn_id)

    async def settle_it() -> None:
        async with connect_directly(parts.database) as connection:
            assert await settle(connection, [stopped])

    async with parts.database.begin() as connection:
        assert await posts.begin(connection, turn_id, "C1", writer=ME, seconds=8.0)
        waiting = asyncio.create_task(settle_it())
        await asyncio.sleep(0.2)
        assert not waiting.done()
    await waiting
    [delivery] = await parts.rows("SELECT state FROM deliveries")
    assert delivery.state == "pending"


async def hold(parts: Parts, turn_id: UUID) -> bool:
    async with parts.database.begin() as connection:
        return await posts.hold(connection, turn_id, 0, seconds=8.0)


async def test_a_message_is_held_for_a_call_and_free_after_it(parts: Parts) -> None:
    turn_id = await parts.wait("하나")
    assert not await hold(parts, turn_id)
    await begin(parts, turn_id)
    await note(parts, turn_id, PostState.WRITING, "1.000001")
    assert await hold(parts, turn_id)
    assert (await of_turn(parts, turn_id))[0].is_held
    async with parts.database.begin() as connection:
        await posts.release(connection, turn_id, 0)
    assert not (await of_turn(parts, turn_id))[0].is_held


async def test_a_settlement_sees_a_hold_or_forbids_it(parts: Parts) -> None:
    turn_id = await parts.wait("하나")
    await parts.schedule_all()
    await begin(parts, turn_id)
    await note(parts, turn_id, PostState.WRITING, "1.000001")
    stopped = await stopped_job(parts, turn_id)
    async with begin_directly(parts.database) as connection:
        assert await settle(connection, [stopped])
        waiting = asyncio.create_task(hold(parts, turn_id))
        await asyncio.sleep(0.2)
        assert not waiting.done()
    assert not await waiting
    assert not (await of_turn(parts, turn_id))[0].is_held


async def test_a_final_message_stays_final(parts: Parts) -> None:
    turn_id = await parts.wait("하나")
    await begin(parts, turn_id)
    post = (await of_turn(parts, turn_id))[0]
    assert (post.is_live, post.is_held, post.message_id) == (True, True, None)
    assert await note(parts, turn_id, PostState.STREAMING, "1.000001")
    assert not (await of_turn(parts, turn_id))[0].is_held
    assert await note(parts, turn_id, PostState.FINAL)
    post = (await of_turn(parts, turn_id))[0]
    assert (post.state, post.message_id) == (PostState.FINAL, "1.000001")
    assert not await note(parts, turn_id, PostState.STREAMING, "2.000002")


async def test_a_dead_writer_is_not_waited_for(parts: Parts) -> None:
    turn_id = await parts.wait("하나")
    await begin(parts, turn_id, seconds=0.0)
    post = (await of_turn(parts, turn_id))[0]
    assert (post.is_live, post.is_held) == (True, False)
