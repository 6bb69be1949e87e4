"""The client for Valkey or Redis, whose every call is bounded."""

from __future__ import annotations

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff


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
