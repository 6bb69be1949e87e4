"""A connection to Valkey or Redis that its callers share: commands go out at once, in order.

redis-py borrows a connection for each call, starts tasks to send, and waits for the answer: 100 us
of CPU. It makes this connection too, with login, TLS and database; then hiredis alone reads it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import hiredis
from redis.asyncio import ConnectionPool
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from runtime.redis_protocol import ANSWER_S, Command, RedisProtocol

#: After a connection that could not be made, none is tried for commands that nobody waits for.
RETRY_S = 1.0
#: What waits for a connection to be made, and what a server may leave unread.
MAX_WAITING, MAX_UNREAD_BYTES = 1_000, 4_000_000


#: What has time waits so long for company: each write wakes the server, which costs both more than
#: the command.
SOON_S = 0.02


@dataclass(slots=True)
class _Asked:
    """Commands that went out together, and their answers so far."""

    count: int
    at: float
    answered: asyncio.Future[list[Any]] | None = None  #: None: nobody waits
    answers: list[Any] = field(default_factory=list)


class _Link(RedisProtocol):
    """Commands and their answers, which come in the same order."""

    def __init__(self) -> None:
        super().__init__()
        self._loop = asyncio.get_running_loop()
        self._asked: deque[_Asked] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._problem: RedisError = RedisConnectionError("the connection was closed")

    def send(self, commands: tuple[Command, ...]) -> None:
        """Send commands whose answers are of no interest."""
        self._send(_Asked(len(commands), self._loop.time()), commands)

    async def ask(self, commands: tuple[Command, ...]) -> list[Any]:
        """The answers of the commands. Raises RedisError."""
        answered: asyncio.Future[list[Any]] = self._loop.create_future()
        self._send(_Asked(len(commands), self._loop.time(), answered), commands)
        return await answered

    def take(self, reply: Any) -> None:
        if isinstance(reply, hiredis.PushNotification) or not self._asked:
            return
        asked = self._asked[0]
        asked.answers.append(reply)
        if len(asked.answers) == asked.count:
            self._asked.popleft()
            if asked.answered is not None and not asked.answered.done():
                asked.answered.set_result(asked.answers)

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        if self._timer is not None:
            self._timer.cancel()
        while self._asked:
            answered = self._asked.popleft().answered
            if answered is not None and not answered.done():
                answered.set_exception(self._problem)

    def write(self, *commands: Command) -> None:
        super().write(*commands)
        if self._transport.get_write_buffer_size() > MAX_UNREAD_BYTES:
            self._give_up()

    def _send(self, asked: _Asked, commands: tuple[Command, ...]) -> None:
        self.write(*commands)
        self._asked.append(asked)
        if self._timer is None:
            self._timer = self._loop.call_later(ANSWER_S, self._look)

    def _look(self) -> None:
        """One timer for all commands: the oldest is the first to be late."""
        self._timer = None
        if self._asked:
            left_s = self._asked[0].at + ANSWER_S - self._loop.time()
            if left_s <= 0:
                self._give_up()
            else:
                self._timer = self._loop.call_later(left_s, self._look)

    def _give_up(self) -> None:
        self._problem = RedisTimeoutError("the server does not answer")
        self.abort()


class SharedConnection:
    """The shared connection of a pool: made with the first command, and again when it is lost."""

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool
        self._link: _Link | None = None
        self._connecting: asyncio.Task[_Link] | None = None
        self._waiting: list[tuple[Command, ...]] = []
        self._soon: list[Command] = []
        self._soon_timer: asyncio.TimerHandle | None = None
        self._retry_at = 0.0

    async def execute(self, *commands: Command, errors_in_place: bool = False) -> list[Any]:
        """The answers, texts as bytes, in one round trip. Raises RedisError, OSError.

        Commands on a connection that turns out to be closed are sent again, once.
        ``errors_in_place``: a command that the server refuses has its error as its answer.
        """
        self._send_soon()
        link = self._usable()
        try:
            answers = await (link or await self._connected()).ask(commands)
        except RedisConnectionError:
            if link is None:
                raise
            answers = await (await self._connected()).ask(commands)
        if not errors_in_place:
            for answer in answers:
                if isinstance(answer, RedisError):
                    raise answer
        return answers

    def send(self, *commands: Command) -> None:
        """Send commands whose answers nobody needs; without a server they are lost."""
        if self._soon:
            commands, self._soon = (*self._soon, *commands), []
        if (link := self._usable()) is not None:
            link.send(commands)
        elif self._connecting is not None or asyncio.get_running_loop().time() >= self._retry_at:
            if len(self._waiting) < MAX_WAITING:
                self._waiting.append(commands)
            self._connect()

    def send_soon(self, *commands: Command) -> None:
        """The same within ``SOON_S``, but before what is sent later."""
        self._soon += commands
        if self._soon_timer is None:
            loop = asyncio.get_running_loop()
            self._soon_timer = loop.call_later(SOON_S, self._send_soon)

    async def flush(self) -> None:
        """Wait until what was sent has left, where there is a server."""
        self._send_soon()
        if self._connecting is not None:
            await asyncio.wait({self._connecting})

    async def close(self) -> None:
        """Close it; what was written before still goes out."""
        await self.flush()
        if (link := self._usable()) is not None:
            self._link = None
            await link.close()

    def _send_soon(self) -> None:
        if self._soon_timer is not None:
            self._soon_timer.cancel()
            self._soon_timer = None
        if self._soon:
            self.send()

    def _usable(self) -> _Link | None:
        if self._link is not None and self._link.lost.done():
            self._link = None
        return self._link

    async def _connected(self) -> _Link:
        if (link := self._usable()) is not None:
            return link
        return await asyncio.shield(self._connect())

    def _connect(self) -> asyncio.Task[_Link]:
        if self._connecting is None:
            self._connecting = asyncio.create_task(self._make())
            self._connecting.add_done_callback(self._made)
        return self._connecting

    async def _make(self) -> _Link:
        link = _Link()
        await link.connect(self._pool)
        return link

    def _made(self, connecting: asyncio.Task[_Link]) -> None:
        waiting, self._waiting, self._connecting = self._waiting, [], None
        if connecting.cancelled() or connecting.exception() is not None:
            self._retry_at = asyncio.get_running_loop().time() + RETRY_S
            return
        self._link = connecting.result()
        for commands in waiting:
            self._link.send(commands)
