"""Admission by predicted finish: when an answer to a message accepted now would be complete.

The prediction uses the depth of the queue, in people, and the answer times that the workers
measure. Where either is unknown the forecast is zero, and nobody is sent away.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import chain

from sqlalchemy.ext.asyncio import AsyncEngine

from bot.domain.deliveries import DeliveryVia, ReplyHandle
from bot.domain.turns import Person, Utterance
from bot.store.queue_depth import QueueDepth, count_jobs
from bot.workers import WorkerRegistry
from runtime.activity import Activity
from runtime.direct import connect_directly
from runtime.periodic import run_periodically

COUNT_EVERY_S = 1.0
#: Answers differ in length: a quick one takes this share of the usual seconds.
QUICK = 2 / 3


@dataclass(frozen=True, slots=True)
class Capacity:
    """The slots of all ready workers, and the seconds an answer takes them."""

    slots: int = 0
    answer_s: float = 0.0

    def starts_in_s(self, running: int, in_front: int) -> float:
        """Seconds until a job behind ``in_front`` others gets a slot."""
        if not self.slots:
            return 0.0
        return max(running + in_front - self.slots + 1, 0) / self.slots * self.answer_s


class Forecast:
    """The last count of the queue, and the people whose turns were accepted here since."""

    def __init__(
        self,
        database: AsyncEngine,
        workers: WorkerRegistry,
        *,
        activity: Activity | None = None,
    ) -> None:
        """``activity``: of this bot; None: it is never idle."""
        self._activity = activity or Activity.never_idle()
        self._database = database
        self._workers = workers
        self._depth = QueueDepth()
        #: By the Unix second at which their answers are wanted.
        self._accepted_since: Counter[int] = Counter()
        self._people_since: set[Person] = set()

    def add(self, utterance: Utterance) -> None:
        """A turn was accepted here, the first unsettled one of its conversation."""
        if utterance.person not in self._people_since:
            self._people_since.add(utterance.person)
            self._accepted_since[_second(utterance.reply.due(utterance.received_at))] += 1

    @property
    def capacity(self) -> Capacity:
        """As the workers announce it now."""
        ready = self._workers.ready
        measured = [worker for worker in ready if worker.answer_s > 0]
        if not measured:
            return Capacity()
        slots = sum(worker.slots for worker in measured)
        total_s = sum(worker.answer_s * worker.slots for worker in measured)
        return Capacity(sum(worker.slots for worker in ready), total_s / slots)

    def answered_in_s(self, due: datetime, person: Person | None = None) -> float:
        """Seconds until an answer that is wanted at ``due`` would be complete.

        ``person``: who asks; None: somebody who was not served lately.
        """
        capacity = self.capacity
        return self._starts_in_s(capacity, due, person) + capacity.answer_s

    @property
    def answered_at_last_in_s(self) -> float:
        """Seconds until an answer that lets all others go first would be complete."""
        capacity = self.capacity
        in_front = self._depth.waiting + self._accepted_since.total()
        return capacity.starts_in_s(self._depth.running, in_front) + capacity.answer_s

    def misses(self, utterance: Utterance) -> bool:
        """Whether the answer will be too late for the response and for the callback."""
        reply, person, now = utterance.reply, utterance.person, datetime.now(UTC)
        if reply.callback_until is not None:
            left_s = (reply.callback_until - now).total_seconds()
            return self.answered_in_s(reply.due(now), person) > left_s
        if reply.sync_until is not None:
            left_s = (reply.sync_until - now).total_seconds()
            return self._starts_in_s(self.capacity, reply.due(now), person) > max(left_s, 0.0)
        return False

    def outlasts_window(self, utterance: Utterance) -> bool:
        """Whether even a quick answer will miss the webhook's own response."""
        reply = utterance.reply
        if reply.sync_until is None:
            return False
        now = datetime.now(UTC)
        left_s = (reply.sync_until - now).total_seconds()
        answered_in_s = self.answered_in_s(reply.due(now), utterance.person)
        return left_s <= 0 or answered_in_s * QUICK > left_s

    def is_worthless(self, reply: ReplyHandle) -> bool:
        """Whether the answer will be complete only after the end of its reply's life."""
        left_s = (reply.expires_at - datetime.now(UTC)).total_seconds()
        return self.answered_at_last_in_s > left_s

    def _starts_in_s(self, capacity: Capacity, due: datetime, person: Person | None) -> float:
        if not capacity.slots:
            return 0.0
        if person is not None and person.key in self._depth.served:
            in_front = self._depth.waiting + self._accepted_since.total()
            return capacity.starts_in_s(self._depth.running, in_front)
        mine = _second(due)
        both = chain(self._depth.in_time.items(), self._accepted_since.items())
        in_front = sum(count for second, count in both if second <= mine)
        return capacity.starts_in_s(self._depth.running, in_front)

    async def keep(self) -> None:
        """Count until cancelled."""
        await run_periodically(self.count, COUNT_EVERY_S, pause=self._activity.pause)

    async def count(self) -> None:
        """Count once, for all bots."""
        before, people_before = self._accepted_since.copy(), self._people_since.copy()
        async with connect_directly(self._database) as connection:
            self._depth = await count_jobs(connection, answer_s=self.capacity.answer_s)
        # A turn accepted during the count may be in it or not: better counted twice than missed.
        self._accepted_since -= before
        self._people_since -= people_before


def _second(moment: datetime) -> int:
    return int(moment.timestamp())


def held(reply: ReplyHandle) -> ReplyHandle:
    """The reply handle of an answer that is held for its button from the start."""
    return replace(reply, via=DeliveryVia.HELD, sync_until=None, callback_until=None)


def called_back(reply: ReplyHandle, not_before: datetime) -> ReplyHandle:
    """The reply handle of an answer that goes by callback from the start."""
    return replace(reply, via=DeliveryVia.CALLBACK, sync_until=not_before)


def minutes(seconds: float) -> int:
    """Whole minutes for a sentence, at least one."""
    return max(math.ceil(seconds / 60), 1)
