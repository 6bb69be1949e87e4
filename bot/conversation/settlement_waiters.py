"""Webhook responses that stand open until their turn is settled, by whichever bot settles it."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.domain.turns import SETTLED
from bot.store.schema import turns
from runtime.database import DATABASE_ERRORS, any_of
from runtime.pubsub import WakeupSubscriber

POLL_S = 0.25
#: Each holds a connection, of which a process commonly may have 1,024.
MAX_WAITING = 512


class SettlementWaiters:
    """One query per tick for all who wait, and a bell that makes the tick come early."""

    def __init__(
        self, database: AsyncEngine, settled: WakeupSubscriber, *, most: int = MAX_WAITING
    ) -> None:
        self._database = database
        self._settled = settled
        self._most = most
        self._events: dict[UUID, asyncio.Event] = {}
        self._waiting: Counter[UUID] = Counter()

    async def wait(self, turn_id: UUID, timeout_s: float) -> bool:
        """Whether the turn was settled within the time; no wait at all where too many wait."""
        if self._waiting.total() >= self._most:
            return False
        event = self._events.setdefault(turn_id, asyncio.Event())
        self._waiting[turn_id] += 1
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(timeout_s, 0)):
                    await event.wait()
            return event.is_set()
        finally:
            self._waiting[turn_id] -= 1
            if not self._waiting[turn_id]:
                del self._waiting[turn_id], self._events[turn_id]

    def notify(self, turn_ids: Iterable[UUID]) -> None:
        """These turns are settled."""
        for turn_id in turn_ids:
            if turn_id in self._events:
                self._events[turn_id].set()

    async def watch(self) -> None:
        """Look for turns that another bot settled, until cancelled."""
        while True:
            await self._settled.wait(POLL_S)
            unknown = [turn_id for turn_id, event in self._events.items() if not event.is_set()]
            if unknown:
                with contextlib.suppress(*DATABASE_ERRORS):
                    self.notify(await self._settled_among(unknown))

    async def _settled_among(self, turn_ids: list[UUID]) -> list[UUID]:
        async with self._database.connect() as connection:
            rows = await connection.execute(
                select(turns.c.id).where(
                    turns.c.id == any_of(turn_ids), turns.c.status.in_([s.value for s in SETTLED])
                )
            )
            return list(rows.scalars())
