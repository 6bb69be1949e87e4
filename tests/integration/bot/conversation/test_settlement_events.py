"""Who is woken by a settlement: the listeners of its bot, and the watch of every other bot."""

from __future__ import annotations

import time
from uuid import UUID, uuid4

from bot.conversation.settlement_events import SettlementNotifier
from runtime.pubsub import WakeupPublisher, WakeupSubscriber
from runtime.redis_client import connect_redis

CHANNEL = "test:settled"
#: Far above the way through Valkey.
PATIENCE_S = 5.0
QUIET_S = 0.3


async def waited_s(subscriber: WakeupSubscriber, at_most_s: float) -> float:
    began = time.monotonic()
    await subscriber.wait(at_most_s)
    return time.monotonic() - began


async def until_listening(publisher: WakeupPublisher, subscriber: WakeupSubscriber) -> None:
    """Until the subscriber hears what is published, and has heard all of it."""
    while await waited_s(subscriber, QUIET_S) >= QUIET_S:
        publisher.publish()
    while await waited_s(subscriber, QUIET_S) < QUIET_S:
        pass


async def test_a_settlement_wakes_the_watches_of_other_bots_alone(redis_url: str) -> None:
    told: list[UUID] = []
    redis = connect_redis(redis_url)
    publisher = WakeupPublisher(redis, CHANNEL)
    async with WakeupSubscriber(redis, CHANNEL) as own, WakeupSubscriber(redis, CHANNEL) as other:
        for subscriber in (own, other):
            await until_listening(publisher, subscriber)
        notifier = SettlementNotifier(publisher, told.extend, heard=own)
        turns = [uuid4(), uuid4()]
        notifier.notify(turns)
        assert told == turns
        assert await waited_s(other, PATIENCE_S) < PATIENCE_S
        assert await waited_s(own, QUIET_S) >= QUIET_S
        # What another bot settled is news here.
        SettlementNotifier(publisher).notify([uuid4()])
        assert await waited_s(own, PATIENCE_S) < PATIENCE_S
        await publisher.close()
    await redis.aclose()
