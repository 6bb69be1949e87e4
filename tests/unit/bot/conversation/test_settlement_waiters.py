"""How many webhook responses stand open at once."""

from __future__ import annotations

import asyncio
from uuid import uuid4

from sqlalchemy.ext.asyncio import create_async_engine

from bot.conversation.settlement_waiters import SettlementWaiters
from runtime.pubsub import WakeupSubscriber
from runtime.redis_client import connect_redis


async def test_over_the_bound_nobody_waits_until_a_place_is_free() -> None:
    database = create_async_engine("postgresql+asyncpg://nobody@127.0.0.1:1/none")
    redis = connect_redis("redis://127.0.0.1:1/0")
    waiters = SettlementWaiters(database, WakeupSubscriber(redis, "settled"), max_waiting=2)
    turns = [uuid4() for _ in range(3)]
    waiting = [asyncio.create_task(waiters.wait(turn, 60)) for turn in turns[:2]]
    await asyncio.sleep(0)
    over = asyncio.create_task(waiters.wait(turns[2], 60))
    await asyncio.sleep(0)
    assert over.done()
    assert over.result() is False
    waiters.notify([turns[0]])
    assert await waiting[0]
    again = asyncio.create_task(waiters.wait(turns[2], 60))
    await asyncio.sleep(0)
    assert not again.done()
    waiters.notify(turns)
    assert all(await asyncio.gather(waiting[1], again))
    await redis.aclose()
    await database.dispose()
