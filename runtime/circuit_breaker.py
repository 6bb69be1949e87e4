"""A circuit breaker for Redis: no calls for a moment after a failure."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

from redis.exceptions import RedisError


class CircuitBreaker:
    """Opens for ``pause_s`` after an error of Redis.

    Each call to a frozen Redis costs a time-out, and an answer is streamed in hundreds of calls.
    """

    def __init__(self, pause_s: float = 2.0) -> None:
        self._pause_s = pause_s
        self._until: float | None = None

    def is_open(self) -> bool:
        """Whether to skip the call; False for one caller after each pause."""
        if self._until is None:
            return False
        now = time.monotonic()
        if now < self._until:
            return True
        self._until = now + self._pause_s
        return False

    @contextlib.contextmanager
    def guard(self) -> Iterator[None]:
        """Guard a call to Redis: an error is suppressed and opens the breaker."""
        try:
            yield
            self._until = None
        except (RedisError, OSError):
            self._until = time.monotonic() + self._pause_s
