"""When an answer to a message accepted now would be there: admission by predicted finish.

By the depth of the queue and the answer times that the workers measure. Where either is unknown
nobody is sent away: then the forecast is zero.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.domain import DeliveryVia, ReplyHandle
from bot.presence import Presence
from inference_worker.database import DATABASE_ERRORS
from inference_worker.jobs import jobs

COUNT_EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class Depth:
    """How many jobs there are."""

    running: int = 0
    waiting: int = 0
    in_time: int = 0  #: of those waiting: the ones that still make it to when they are wanted


@dataclass(frozen=True, slots=True)
class Capacity:
    """What the workers that answer can do together."""

    slots: int = 0
    answer_s: float = 0.0

    def starts_in_s(self, running: int, in_front: int) -> float:
        """Seconds until a job behind ``in_front`` others gets a slot."""
        if not self.slots:
            return 0.0
        return max(running + in_front - self.slots + 1, 0) / self.slots * self.answer_s


class Forecast:
    """The last count of the queue, and what was accepted here since."""

    def __init__(self, database: AsyncEngine, presence: Presence) -> None:
        self._database = database
        self._presence = presence
        self._depth = Depth()
        self._accepted_since = 0

    def add(self) -> None:
        """A turn was accepted here."""
        self._accepted_since += 1

    @property
    def capacity(self) -> Capacity:
        """As the workers say now."""
        measured = [worker for worker in self._presence.ready if worker.answer_s > 0]
        slots = sum(worker.slots for worker in measured)
        if not slots:
            return Capacity()
        total_s = sum(worker.answer_s * worker.slots for worker in measured)
        return Capacity(sum(worker.slots for worker in self._presence.ready), total_s / slots)

    @property
    def answered_in_s(self) -> float:
        """Seconds until an answer that is wanted soon would be complete."""
        return self._starts_in_s(self._depth.in_time) + self.capacity.answer_s

    @property
    def answered_at_last_in_s(self) -> float:
        """The same for one that lets all others go first."""
        return self._starts_in_s(self._depth.waiting) + self.capacity.answer_s

    def misses(self, reply: ReplyHandle) -> bool:
        """Whether the answer will come too late for every way that the messenger waits for."""
        now = datetime.now(UTC)
        if reply.callback_until is not None:
            return self.answered_in_s > (reply.callback_until - now).total_seconds()
        if reply.sync_until is not None:
            left_s = (reply.sync_until - now).total_seconds()
            return self._starts_in_s(self._depth.in_time) > max(left_s, 0.0)
        return False

    def is_worthless(self, reply: ReplyHandle) -> bool:
        """Whether the answer will come after nobody wants it any more."""
        left_s = (reply.expires_at - datetime.now(UTC)).total_seconds()
        return self.answered_at_last_in_s > left_s

    def _starts_in_s(self, in_front: int) -> float:
        return self.capacity.starts_in_s(self._depth.running, in_front + self._accepted_since)

    async def keep(self) -> None:
        """Count until cancelled."""
        while True:
            with contextlib.suppress(*DATABASE_ERRORS):
                await self.count()
            await asyncio.sleep(COUNT_EVERY_S)

    async def count(self) -> None:
        """Count once, for all bots."""
        answer_s = func.make_interval(0, 0, 0, 0, 0, 0, self.capacity.answer_s)
        waits = jobs.c.state == "queued"
        counts = select(
            func.count().filter(jobs.c.state == "running").label("running"),
            func.count().filter(waits).label("waiting"),
            func.count().filter(waits, jobs.c.due > func.now() + answer_s).label("in_time"),
        ).where(jobs.c.state.in_(["queued", "running"]))
        before = self._accepted_since
        async with self._database.connect() as connection:
            row = (await connection.execute(counts)).one()
        self._depth = Depth(row.running, row.waiting, row.in_time)
        # Those accepted while it was counted may be in it or not: better once too often.
        self._accepted_since -= before


def held(reply: ReplyHandle) -> ReplyHandle:
    """The handle of an answer that is kept for its button from the start."""
    return replace(reply, via=DeliveryVia.HELD, sync_until=None, callback_until=None)


def minutes(seconds: float) -> int:
    """As people are told: whole minutes, at least one."""
    return max(math.ceil(seconds / 60), 1)
