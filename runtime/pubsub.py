"""Wake-ups between processes through Redis; optional, so every waiter also polls."""

from __future__ import annotations

import asyncio
from typing import Self

from redis.asyncio import Redis
from redis.exceptions import RedisError

from runtime.redis_client import sharing_pool
from runtime.redis_connection import listen
from runtime.tasks import cancel_and_wait


class WakeupSubscriber:
    """A Redis channel to wait on. Without Redis it is silent, and the caller's poll remains."""

    def __init__(self, redis: Redis, channel: str) -> None:
        self._pool = sharing_pool(redis)
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
        # A timer costs a tenth of what asyncio.wait_for does, whose task every message would pay.
        timer = asyncio.get_running_loop().call_later(poll_s, self._woken.set)
        try:
            await self._woken.wait()
        finally:
            timer.cancel()
        self._woken.clear()

    async def _listen(self) -> None:
        while True:
            try:
                await listen(self._pool, self._channel, self._woken.set)
            except (RedisError, OSError):
                await asyncio.sleep(1.0)


class WakeupPublisher:
    """Publishes wake-ups, at most one per interval: a burst is one message, not hundreds."""

    def __init__(self, redis: Redis, channel: str, interval_s: float = 0.005) -> None:
        self._connection = sharing_pool(redis).shared
        self._command = ("PUBLISH", channel, "1")
        self._interval_s = interval_s
        self._next_at = 0.0
        self._later: asyncio.TimerHandle | None = None

    def publish(self) -> None:
        """Publish a wake-up soon; never blocks and never raises."""
        if self._later is not None:
            return
        loop = asyncio.get_running_loop()
        if loop.time() >= self._next_at:
            self._publish()
        else:
            self._later = loop.call_at(self._next_at, self._publish)

    async def close(self) -> None:
        """Let a pending wake-up go out."""
        if self._later is not None:
            self._later.cancel()
            self._publish()
        await self._connection.flush()

    def _publish(self) -> None:
        self._later = None
        self._next_at = asyncio.get_running_loop().time() + self._interval_s
        self._connection.send(self._command)
