"""The limit on the messages of a person per minute."""

from __future__ import annotations

import time

from redis.asyncio import Redis

from bot.domain.turns import Person
from runtime.circuit_breaker import CircuitBreaker
from runtime.redis_client import sharing_pool

KEY = "bllossom:rate:{person}:{minute}"
#: People counted in this process while Redis is gone.
MAX_PEOPLE = 10_000


class RateLimit:
    """A counter per person and minute in Redis; without Redis, one in this process."""

    def __init__(self, redis: Redis, per_minute: int) -> None:
        self._connection = sharing_pool(redis).shared
        self._per_minute = per_minute
        self._minute = 0
        self._counts: dict[str, int] = {}
        self._outage = CircuitBreaker()

    async def allows(self, person: Person, per_minute: int | None = None) -> bool:
        """Count a message, and tell whether it is within the limit; 0: there is none.

        ``per_minute``: the limit of the message's scope; None: the one of all.
        """
        limit = self._per_minute if per_minute is None else per_minute
        if not limit:
            return True
        return await self._count(person.key, int(time.time() // 60)) <= limit

    async def _count(self, person: str, minute: int) -> int:
        if self._outage.is_open():
            return self._count_here(person, minute)
        counted: list[int] = []
        with self._outage.guard():
            key = KEY.format(person=person, minute=minute)
            commands = ("MULTI",), ("INCR", key), ("EXPIRE", key, 120), ("EXEC",)
            *_, counted = await self._connection.execute(*commands)
        return counted[0] if counted else self._count_here(person, minute)

    def _count_here(self, person: str, minute: int) -> int:
        if minute != self._minute or len(self._counts) >= MAX_PEOPLE:
            self._minute, self._counts = minute, {}
        self._counts[person] = self._counts.get(person, 0) + 1
        return self._counts[person]
