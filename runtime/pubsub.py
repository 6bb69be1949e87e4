"""Waking another process through Redis: a convenience, so there is always a poll behind it."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Self

from redis.asyncio import Redis
from redis.exceptions import RedisError

from runtime.tasks import cancel_and_wait


class WakeupSubscriber:
    """A Redis channel to wait on. Without Redis it stays silent, and the caller's poll serves."""

    def __init__(self, redis: Redis, channel: str) -> None:
        self._redis = redis
        self._channel = channel
        self._rung = asyncio.Event()
        self._listening: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._listening = asyncio.create_task(self._listen())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._listening:
            await cancel_and_wait(self._listening)

    def notify_local(self) -> None:
        """Wake the waiter of this process, Redis or not."""
        self._rung.set()

    async def wait(self, poll_s: float) -> None:
        """Return when the bell rings, at the latest after ``poll_s`` seconds."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._rung.wait(), poll_s)
        self._rung.clear()

    async def _listen(self) -> None:
        while True:
            try:
                async with self._redis.pubsub() as subscription:
                    await subscription.subscribe(self._channel)
                    while True:
                        if await subscription.get_message(
                            ignore_subscribe_messages=True, timeout=5.0
                        ):
                            self._rung.set()
            except (RedisError, OSError):
                await asyncio.sleep(1.0)


class WakeupPublisher:
    """Rings a bell elsewhere, at most once per interval: a burst is one message, not hundreds."""

    def __init__(self, redis: Redis, channel: str, interval_s: float = 0.005) -> None:
        self._redis = redis
        self._channel = channel
        self._interval_s = interval_s
        self._ringing: asyncio.Task[None] | None = None
        self._again = False

    def publish(self) -> None:
        """Ring soon; never blocks and never raises."""
        if self._ringing is None or self._ringing.done():
            self._ringing = asyncio.create_task(self._ring())
        else:
            self._again = True

    async def close(self) -> None:
        """Let a pending ring go out."""
        if self._ringing:
            await self._ringing

    async def _ring(self) -> None:
        while True:
            self._again = False
            with contextlib.suppress(RedisError, OSError):
                await self._redis.publish(self._channel, "1")
            await asyncio.sleep(self._interval_s)
            if not self._again:
                return
