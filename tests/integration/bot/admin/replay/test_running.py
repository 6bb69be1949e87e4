"""A replay through a running bot and a running worker, across restarts of both."""

from __future__ import annotations

import asyncio

from sqlalchemy.ext.asyncio import AsyncEngine

from bot.domain.replays import ReplayOptions
from inference_queue.background.protocol import Target
from tests.support.replays import counts_of, order_replay, state_of
from tests.support.sample_turns import add_turn
from tests.support.stack import running_stack, running_worker, served

MODEL = "MLP-KTLim/llama-3-Korean-Bllossom-8B"


async def until_ended(database: AsyncEngine, replay_id: int) -> None:
    async with asyncio.timeout(90):
        while await state_of(database, replay_id) != "ended":
            await asyncio.sleep(0.1)


async def test_a_replay_goes_on_after_a_restart_of_the_bot_and_of_its_engine(
    database: AsyncEngine, database_url: str, redis_url: str
) -> None:
    for number in range(3):
        await add_turn(database, f"질문 {number}", f"옛 답 {number}", key=f"room-{number}")
    target = Target(model=MODEL, engine="test", adapter="")
    replay_id = await order_replay(database, options=ReplayOptions(target=target))
    async with running_stack(database_url, redis_url), asyncio.timeout(60):
        while (await counts_of(database, replay_id)).queued < 3:
            await asyncio.sleep(0.05)
    assert await state_of(database, replay_id) == "running"  # there is no worker at all
    async with (
        served() as (_, engine),
        running_worker(database_url, redis_url, engine),
        running_stack(database_url, redis_url) as stack,
    ):
        await until_ended(database, replay_id)
        [row] = await stack.rows("SELECT count(*) FROM jobs")
        assert row[0] == 0
    assert (await counts_of(database, replay_id)).answered == 3
    async with database.connect() as connection:
        found = await connection.exec_driver_sql("SELECT answer FROM replay_items ORDER BY answer")
        assert list(found.scalars()) == [f"에코: 질문 {number}" for number in range(3)]
