"""A circuit breaker for Redis: a server that failed is left alone for a moment."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

from redis.exceptions import RedisError


class CircuitBreaker:
    """Whether Redis failed a moment ago, and is left alone for another one.

    Each call to a frozen Redis costs a time-out, and an answer is streamed in hundreds of calls.
    """

    def __init__(self, pause_s: float = 2.0) -> None:
        self._pause_s = pause_s
        self._until: float | None = None

    def is_open(self) -> bool:
        """Whether to do without; after each pause one caller is told to try again."""
        if self._until is None:
            return False
        now = time.monotonic()
        if now < self._until:
            return True
        self._until = now + self._pause_s
        return False

    @contextlib.contextmanager
    def guard(self) -> Iterator[None]:
        """Around a call to Redis: its errors are suppressed and remembered."""
        try:
            yield
            self._until = None
        except (RedisError, OSError):
            self._until = time.monotonic() + self._pause_s
