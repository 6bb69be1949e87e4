"""Wake-ups between processes through Redis; optional, so every waiter also polls."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Self

from redis.asyncio import Redis
from redis.exceptions import RedisError

from runtime.tasks import cancel_and_wait


class WakeupSubscriber:
    """A Redis channel to wait on. Without Redis it is silent, and the caller's poll remains."""

    def __init__(self, redis: Redis, channel: str) -> None:
        self._redis = redis
        self._channel = channel
        self._woken = asyncio.Event()
        self._listening: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._listening = asyncio.create_task(self._listen())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._listening:
            await cancel_and_wait(self._listening)

    def notify_local(self) -> None:
        """Wake the waiter of this process, Redis or not."""
        self._woken.set()

    async def wait(self, poll_s: float) -> None:
        """Return at the next wake-up, at the latest after ``poll_s`` seconds."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._woken.wait(), poll_s)
        self._woken.clear()

    async def _listen(self) -> None:
        while True:
            try:
                async with self._redis.pubsub() as subscription:
                    await subscription.subscribe(self._channel)
                    while True:
                        if await subscription.get_message(
                            ignore_subscribe_messages=True, timeout=5.0
                        ):
                            self._woken.set()
            except (RedisError, OSError):
                await asyncio.sleep(1.0)


class WakeupPublisher:
    """Publishes wake-ups, at most one per interval: a burst is one message, not hundreds."""

    def __init__(self, redis: Redis, channel: str, interval_s: float = 0.005) -> None:
        self._redis = redis
        self._channel = channel
        self._interval_s = interval_s
        self._publishing: asyncio.Task[None] | None = None
        self._again = False

    def publish(self) -> None:
        """Publish a wake-up soon; never blocks and never raises."""
        if self._publishing is None or self._publishing.done():
            self._publishing = asyncio.create_task(self._publish())
        else:
            self._again = True

    async def close(self) -> None:
        """Wait for a pending wake-up."""
        if self._publishing:
            await self._publishing

    async def _publish(self) -> None:
        while True:
            self._again = False
            with contextlib.suppress(RedisError, OSError):
                await self._redis.publish(self._channel, "1")
            await asyncio.sleep(self._interval_s)
            if not self._again:
                return
