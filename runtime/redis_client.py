"""The client for Valkey or Redis, with a time-out on every call."""

from __future__ import annotations

from typing import Any

from redis.asyncio import Connection, ConnectionPool, Redis, SSLConnection
from redis.asyncio import UnixDomainSocketConnection as SocketConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, RedisError, ResponseError

from runtime.network_errors import network_cause
from runtime.outage_log import OutageLog
from runtime.redis_connection import SharedConnection
from runtime.redis_url import read_redis_url


def connect_redis(url: str) -> Redis:
    """A client whose calls end within a second; a stale connection is replaced once.

    No health_check_interval: a failed check reconnects, and connecting begins with a check. With a
    frozen server redis-py repeats that without end. Raises RedisUrlError, a ValueError.
    """
    read = read_redis_url(url)
    kind = SocketConnection if read.is_socket else SSLConnection if read.tls else Connection
    arguments = {
        **read.arguments,
        "connection_class": kind,
        "decode_responses": True,
        "socket_timeout": 0.4,
        "socket_connect_timeout": 0.4,
        "retry": Retry(NoBackoff(), 1),
    }
    return Redis.from_pool(SharingPool(**arguments))


class SharingPool(ConnectionPool):
    """redis-py's pool, and one more connection that its users share."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.shared = SharedConnection(self)

    async def aclose(self) -> None:
        """Close all connections."""
        await self.shared.close()
        await super().aclose()


def sharing_pool(redis: Redis) -> SharingPool:
    """The pool of a client that ``connect_redis`` has made."""
    pool = redis.connection_pool
    if not isinstance(pool, SharingPool):
        raise TypeError("the client is not one of connect_redis")
    return pool


def redis_outage_log(redis: Redis) -> OutageLog:
    """The log of outages of the client's server."""
    return OutageLog("valkey", redis_place(redis))


def redis_place(redis: Redis) -> str:
    """Where the client's server is: its socket, or host and port."""
    arguments = redis.connection_pool.connection_kwargs
    return str(arguments.get("path") or f"{arguments.get('host')}:{arguments.get('port')}")


def redis_cause(error: BaseException) -> str:
    """Why a call failed, as a clause for an operator."""
    said = str(error).strip()
    if isinstance(error, AuthenticationError) or said.startswith(("WRONGPASS", "NOAUTH")):
        return "it wants another user or password"
    if isinstance(error, ResponseError):
        return said.splitlines()[0][:200]
    if cause := network_cause(error):
        return cause
    if isinstance(error, RedisError) and "closed" in said.casefold():
        return "the connection was closed: is TLS wanted there, or is it another service?"
    return f"it did not answer as Redis does ({type(error).__name__})"
