"""The bytes to and from Valkey or Redis: redis-py connects, hiredis packs and reads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import hiredis
from redis.asyncio import ConnectionPool
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

#: One command with its arguments; texts are sent as UTF-8.
Command = tuple[str | bytes | int | float, ...]

#: By then every command is answered, or the connection is given up.
ANSWER_S = 0.4

_INCOMPLETE = object()


class RedisProtocol(asyncio.Protocol):
    """Reads what the server says; ``lost`` is done once the connection is gone."""

    def __init__(self) -> None:
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._writer: asyncio.StreamWriter | None = None
        self._reader = hiredis.Reader(replyError=ResponseError, notEnoughData=_INCOMPLETE)

    async def connect(self, pool: ConnectionPool) -> None:
        """Connect as the pool's connections do. Raises RedisError, OSError."""
        made = pool.connection_class(**pool.connection_kwargs)
        await made.connect()  # type: ignore[no-untyped-call]
        self._writer, made._writer, made._reader = made._writer, None, None
        self._transport.set_protocol(self)
        if self._transport.is_closing():  # its end was told to the protocol before
            raise RedisConnectionError("the connection was closed")

    def take(self, reply: Any) -> None:
        """One reply of the server, as bytes; an error is a ResponseError."""

    def write(self, *commands: Command) -> None:
        """Send the commands."""
        # Its stub knows commands without arguments alone.
        packed = [hiredis.pack_command(one) for one in commands]  # type: ignore[arg-type]
        self._transport.write(b"".join(packed))

    def abort(self) -> None:
        """Close the connection at once."""
        if self._writer is not None:
            self._transport.abort()

    async def close(self) -> None:
        """Close it once what was written has left."""
        self._transport.close()
        await asyncio.wait({self.lost}, timeout=ANSWER_S)
        self.abort()

    def data_received(self, data: bytes) -> None:
        """What the transport has read."""
        try:
            self._reader.feed(data)
            while (reply := self._reader.gets()) is not _INCOMPLETE:
                self.take(reply)
        except hiredis.ProtocolError:
            self.abort()

    def connection_lost(self, _: Exception | None) -> None:
        """The transport is closed."""
        if not self.lost.done():
            self.lost.set_result(None)

    @property
    def _transport(self) -> asyncio.Transport:
        if self._writer is None:
            raise RedisConnectionError("not connected")
        transport: asyncio.Transport = self._writer.transport  # type: ignore[assignment]
        return transport


async def listen(pool: ConnectionPool, channel: str, on_message: Callable[[bytes], None]) -> None:
    """Call ``on_message`` with each message of the channel, until the connection is lost.

    Raises RedisError, OSError where there is none.
    """
    listener = _Listener(on_message)
    await listener.connect(pool)
    try:
        listener.write(("SUBSCRIBE", channel))
        await listener.lost
    finally:
        listener.abort()


class _Listener(RedisProtocol):
    """Waits for the messages of channels."""

    def __init__(self, on_message: Callable[[bytes], None]) -> None:
        super().__init__()
        self._on_message = on_message

    def take(self, reply: Any) -> None:
        if isinstance(reply, list) and reply[:1] == [b"message"]:
            self._on_message(reply[2])
        elif isinstance(reply, ResponseError):  # a user that may not subscribe
            self.abort()
