"""Connections of SQLAlchemy's pool that wait outside of it for the next statement.

A round through the pool starts two greenlets, for each of which Python maps memory and gives it
back: 0.06 ms, several times for every message. A list costs nothing.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import asyncpg
from sqlalchemy import Engine
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldConnection:
    """A connection that is checked out of SQLAlchemy's pool."""

    pooled: AsyncConnection
    driver: asyncpg.Connection
    taken_at: float  #: monotonic


class HeldConnections:
    """Idle connections, the most recently used one first."""

    def __init__(self, *, most: int, recycle_s: float) -> None:
        """``most``: the pool keeps the others. After ``recycle_s`` one goes back to the pool."""
        self._most = most
        self._recycle_s = recycle_s
        self._idle: list[HeldConnection] = []

    def take(self) -> HeldConnection | None:
        """An idle connection, which its server may have closed; None: there is none."""
        return self._idle.pop() if self._idle else None

    def keep(self, connection: HeldConnection) -> bool:
        """Hold the connection for the next; False: it goes back to the pool."""
        is_old = time.monotonic() - connection.taken_at > self._recycle_s
        if is_old or len(self._idle) >= self._most:
            return False
        self._idle.append(connection)
        return True

    async def end(self) -> None:
        """Give all of them back to the pool, and hold none from now on."""
        self._most = 0
        while (connection := self.take()) is not None:
            await connection.pooled.close()


class HoldingEngine(AsyncEngine):
    """SQLAlchemy's engine, and connections of its pool that direct statements hold."""

    def __init__(self, sync_engine: Engine, *, most: int, recycle_s: float) -> None:
        super().__init__(sync_engine)
        self.held = HeldConnections(most=most, recycle_s=recycle_s)

    async def dispose(self, close: bool = True) -> None:
        """Close all connections that are not in use."""
        await self.held.end()
        await super().dispose(close)
