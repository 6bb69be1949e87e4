"""What a wake-up tells its waiter."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from runtime.pubsub import UNNAMED, WakeupSubscriber
from runtime.redis_client import connect_redis


@pytest.fixture
async def subscriber() -> AsyncIterator[WakeupSubscriber]:
    async with connect_redis("redis://127.0.0.1:1/0") as nowhere:
        yield WakeupSubscriber(nowhere, "channel")


async def test_a_waiter_learns_the_causes_of_its_wake_up_once(subscriber: WakeupSubscriber) -> None:
    subscriber._heard(b"a,b")
    subscriber._heard(b"b,c")
    subscriber.notify_local()
    assert await subscriber.wait(60) == {"a", "b", "c", UNNAMED}
    subscriber._heard(b"d")
    assert await subscriber.wait(60) == {"d"}


async def test_a_poll_has_no_cause(subscriber: WakeupSubscriber) -> None:
    assert await subscriber.wait(0.01) == set()


async def test_what_was_handled_is_no_cause(subscriber: WakeupSubscriber) -> None:
    subscriber._heard(b"a,b")
    subscriber.handled(["a", "c"])
    subscriber._heard(b"c")
    assert await subscriber.wait(60) == {"b"}
