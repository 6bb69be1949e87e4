"""Waking another process through Redis: a convenience, so there is always a poll behind it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator
from typing import Self

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError


def connect_redis(url: str) -> Redis:
    """A client whose every call ends within a second; a stale connection is tried once anew.

    No health_check_interval: a check that fails connects anew, and connecting begins with a
    check. With a frozen server redis-py goes round in that circle and never returns.
    """
    return Redis.from_url(
        url,
        decode_responses=True,
        socket_timeout=0.4,
        socket_connect_timeout=0.4,
        retry=Retry(NoBackoff(), 1),
    )


class Outage:
    """Whether Redis failed a moment ago, and is left alone for another one.

    Each call to a frozen Redis costs a time-out, and an answer is streamed in hundreds of calls.
    """

    def __init__(self, pause_s: float = 2.0) -> None:
        self._pause_s = pause_s
        self._until: float | None = None

    def lasts(self) -> bool:
        """Whether to do without; after each pause one caller is told to try again."""
        if self._until is None:
            return False
        now = time.monotonic()
        if now < self._until:
            return True
        self._until = now + self._pause_s
        return False

    @contextlib.contextmanager
    def noted(self) -> Iterator[None]:
        """Around a call to Redis: its errors are suppressed and remembered."""
        try:
            yield
            self._until = None
        except (RedisError, OSError):
            self._until = time.monotonic() + self._pause_s


async def end(*tasks: asyncio.Task[None]) -> None:
    """Cancel the tasks until they are done.

    redis-py can take a cancellation for its own time-out, and the task lives on: ask again.
    """
    while running := [task for task in tasks if not task.done()]:
        for task in running:
            task.cancel()
        await asyncio.wait(running, timeout=0.1)


class Bell:
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
            await end(self._listening)

    def ring_here(self) -> None:
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


class Ringer:
    """Rings a bell elsewhere, at most once per interval: a burst is one message, not hundreds."""

    def __init__(self, redis: Redis, channel: str, interval_s: float = 0.005) -> None:
        self._redis = redis
        self._channel = channel
        self._interval_s = interval_s
        self._ringing: asyncio.Task[None] | None = None
        self._again = False

    def ring(self) -> None:
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
