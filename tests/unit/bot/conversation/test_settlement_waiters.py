"""How many webhook responses stand open at once."""

from __future__ import annotations

import asyncio
from uuid import uuid4

from sqlalchemy.ext.asyncio import create_async_engine

from bot.conversation.settlement_waiters import MAX_WAITING_OF_A_PERSON, SettlementWaiters
from bot.domain.turns import Person
from runtime.pubsub import WakeupSubscriber
from runtime.redis_client import connect_redis


def person(sender: object) -> Person:
    return Person(messenger="kakao", tenant="", sender=str(sender))


async def test_over_the_bound_nobody_waits_until_a_place_is_free() -> None:
    database = create_async_engine("postgresql+asyncpg://nobody@127.0.0.1:1/none")
    redis = connect_redis("redis://127.0.0.1:1/0")
    waiters = SettlementWaiters(database, WakeupSubscriber(redis, "settled"), max_waiting=2)
    turns = [uuid4() for _ in range(3)]
    waiting = [
        asyncio.create_task(waiters.wait(turn, 60, person=person(turn))) for turn in turns[:2]
    ]
    await asyncio.sleep(0)
    over = asyncio.create_task(waiters.wait(turns[2], 60, person=person(turns[2])))
    await asyncio.sleep(0)
    assert over.done()
    assert over.result() is False
    waiters.notify([turns[0]])
    assert await waiting[0]
    again = asyncio.create_task(waiters.wait(turns[2], 60, person=person(turns[2])))
    await asyncio.sleep(0)
    assert not again.done()
    waiters.notify(turns)
    assert all(await asyncio.gather(waiting[1], again))
    await redis.aclose()
    await database.dispose()


async def test_one_person_holds_only_a_few_responses_open() -> None:
    database = create_async_engine("postgresql+asyncpg://nobody@127.0.0.1:1/none")
    redis = connect_redis("redis://127.0.0.1:1/0")
    waiters = SettlementWaiters(database, WakeupSubscriber(redis, "settled"))
    one, other = person("철수"), person("영희")
    crowd = [asyncio.create_task(waiters.wait(uuid4(), 60, person=one)) for _ in range(512)]
    turn = uuid4()
    waiting = asyncio.create_task(waiters.wait(turn, 60, person=other))
    await asyncio.sleep(0)
    held = [task for task in crowd if not task.done()]
    assert len(held) == MAX_WAITING_OF_A_PERSON
    assert not any(task.result() for task in crowd if task.done())
    waiters.notify([turn])
    assert await waiting
    # A place that is given up is free again.
    held[0].cancel()
    await asyncio.gather(held[0], return_exceptions=True)
    again = asyncio.create_task(waiters.wait(turn, 60, person=one))
    await asyncio.sleep(0)
    assert not again.done()
    for task in (*held, again):
        task.cancel()
    await asyncio.gather(*held, again, return_exceptions=True)
    await redis.aclose()
    await database.dispose()
