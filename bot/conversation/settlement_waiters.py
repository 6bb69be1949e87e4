"""Webhook responses that wait for the settlement of their turn by any bot."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from bot.domain.turns import Person
from bot.store import turns
from runtime.direct import connect_directly
from runtime.periodic import FailureLog
from runtime.pubsub import WakeupSubscriber

POLL_S = 0.25
#: While nobody waits; the first who does ends the pause.
UNFOLLOWED_POLL_S = 5.0
#: Each holds an HTTP connection; the usual limit of a process is 1,024.
MAX_WAITING = 512
#: Far above the turns that a person may have waiting: repeated requests wait too.
MAX_WAITING_OF_A_PERSON = 32


class Settlement(asyncio.Event):
    """Set when the turn gets no other result: it is settled, or erased."""

    is_told = False  #: by who settled it, so that the turn was there


class SettlementWaiters:
    """Waits with one query per tick for all turns; a wake-up brings the tick forward."""

    def __init__(
        self, database: AsyncEngine, settled: WakeupSubscriber, *, max_waiting: int = MAX_WAITING
    ) -> None:
        self._database = database
        self._settled = settled
        self._max_waiting = max_waiting
        self._events: dict[UUID, Settlement] = {}
        self._followers: Counter[UUID] = Counter()
        self._woken: defaultdict[UUID, list[asyncio.Event]] = defaultdict(list)
        self._waiting: Counter[Person] = Counter()

    async def wait(self, turn_id: UUID, timeout_s: float, *, person: Person) -> bool:
        """Whether the turn was settled within the time; False at once above the bounds.

        ``person``: who holds the response open; nobody holds more than a few.
        """
        if (
            self._waiting.total() >= self._max_waiting
            or self._waiting[person] >= MAX_WAITING_OF_A_PERSON
        ):
            return False
        self._waiting[person] += 1
        try:
            with self.following(turn_id) as settled:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(max(timeout_s, 0)):
                        await settled.wait()
                return settled.is_set()
        finally:
            self._waiting -= Counter([person])

    @contextlib.contextmanager
    def following(
        self, turn_id: UUID, *, wakes: asyncio.Event | None = None
    ) -> Iterator[Settlement]:
        """An event that the turn's settlement sets; the caller bounds the number of followers.

        ``wakes``: an event of the caller's that is set with it.
        """
        if not self._events:
            self._settled.notify_local()
        event = self._events.setdefault(turn_id, Settlement())
        self._followers[turn_id] += 1
        if wakes is not None:
            self._woken[turn_id].append(wakes)
        try:
            yield event
        finally:
            self._followers[turn_id] -= 1
            if not self._followers[turn_id]:
                del self._followers[turn_id], self._events[turn_id]
                self._woken.pop(turn_id, None)

    def notify(self, turn_ids: Iterable[UUID]) -> None:
        """Set the events of these turns, which this bot has settled."""
        self._set(turn_ids, is_told=True)

    def _set(self, turn_ids: Iterable[UUID], *, is_told: bool) -> None:
        for turn_id in turn_ids:
            if turn_id in self._events:
                self._events[turn_id].is_told |= is_told
                self._events[turn_id].set()
                for event in self._woken.get(turn_id, ()):
                    event.set()

    async def watch(self) -> None:
        """Poll for turns settled by other bots, until cancelled."""
        failures = FailureLog("settlement_waiters")
        while True:
            await self._settled.wait(POLL_S if self._events else UNFOLLOWED_POLL_S)
            unknown = [turn_id for turn_id, event in self._events.items() if not event.is_set()]
            if unknown:
                with failures.guard():
                    self._set(await self._settled_among(unknown), is_told=False)

    async def _settled_among(self, turn_ids: list[UUID]) -> list[UUID]:
        async with connect_directly(self._database) as connection:
            return await turns.settled_among(connection, turn_ids)
