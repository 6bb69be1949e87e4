"""The client for Valkey or Redis, with a time-out on every call."""

from __future__ import annotations

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff


def connect_redis(url: str) -> Redis:
    """A client whose calls end within a second; a stale connection is replaced once.

    No health_check_interval: a failed check reconnects, and connecting begins with a check. With a
    frozen server redis-py repeats that without end.
    """
    return Redis.from_url(
        url,
        decode_responses=True,
        socket_timeout=0.4,
        socket_connect_timeout=0.4,
        retry=Retry(NoBackoff(), 1),
    )
