"""Wake-ups between processes through Redis; optional, so every waiter also polls."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Self

from redis.asyncio import Redis
from redis.exceptions import RedisError

from runtime.redis_client import sharing_pool
from runtime.redis_protocol import listen
from runtime.tasks import cancel_and_wait
from runtime.timeouts import wait_at_most

#: The cause of a wake-up that names none.
UNNAMED = "1"
#: Causes in one message; more become one without a name.
MAX_CAUSES = 20
#: Handled causes that a subscriber remembers: far more than come within a second.
MAX_HANDLED = 1_000


class WakeupSubscriber:
    """A Redis channel to wait on. Without Redis it is silent, and the caller's poll remains."""

    def __init__(self, redis: Redis, channel: str) -> None:
        self._pool = sharing_pool(redis)
        self._channel = channel
        self._woken = asyncio.Event()
        self._due: set[str] = set()  # the causes of the next wake-up
        self._handled: dict[str, None] = {}
        self._listening: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._listening = asyncio.create_task(self._listen())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._listening:
            await cancel_and_wait(self._listening)

    def notify_local(self) -> None:
        """Wake the waiter of this process, Redis or not."""
        self._wake(UNNAMED)

    def handled(self, causes: Collection[str]) -> None:
        """Let messages of these causes wake nobody, whether they came already or not."""
        self._handled |= dict.fromkeys(causes)
        while len(self._handled) > MAX_HANDLED:
            del self._handled[next(iter(self._handled))]
        if self._due:
            self._due.difference_update(causes)
            if not self._due:
                self._woken.clear()

    def _heard(self, message: bytes) -> None:
        for cause in message.decode("ascii", "replace").split(","):
            if cause not in self._handled:
                self._wake(cause)

    def _wake(self, cause: str) -> None:
        self._due.add(cause)
        self._woken.set()

    async def wait(self, poll_s: float) -> set[str]:
        """Return at the next wake-up, at the latest after ``poll_s`` seconds; its causes."""
        await wait_at_most(poll_s, self._woken)
        causes, self._due = self._due, set()
        return causes

    async def _listen(self) -> None:
        while True:
            try:
                await listen(self._pool, self._channel, self._heard)
            except (RedisError, OSError):
                await asyncio.sleep(1.0)


class WakeupPublisher:
    """Publishes wake-ups, at most one per interval: a burst is one message, not hundreds."""

    def __init__(self, redis: Redis, channel: str, interval_s: float = 0.005) -> None:
        self._connection = sharing_pool(redis).shared
        self._channel = channel
        self._interval_s = interval_s
        self._causes: list[str] = []
        self._next_at = 0.0
        self._later: asyncio.TimerHandle | None = None

    def publish(self, cause: str = UNNAMED) -> None:
        """Publish a wake-up soon; never blocks and never raises.

        ``cause``: an id, by which a subscriber knows what it has handled already.
        """
        self._causes.append(cause)
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
        causes, self._causes = self._causes, []
        message = ",".join(causes) if len(causes) <= MAX_CAUSES else UNNAMED
        self._connection.send(("PUBLISH", self._channel, message))
