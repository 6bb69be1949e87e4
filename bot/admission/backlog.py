"""The bounds on what waits for the model: people per messenger and tenant, turns per person.

A person counts once, however many questions they asked: people take turns in the queue, so for
everybody else each of them is one job.
"""

from __future__ import annotations

from collections import Counter

from sqlalchemy.ext.asyncio import AsyncEngine

from bot.domain.turns import Person
from bot.store.queue_depth import count_waiting_people
from runtime.activity import Activity
from runtime.direct import connect_directly
from runtime.periodic import run_periodically

COUNT_EVERY_S = 1.0
#: The maximum of a person's waiting turns over all conversations, in full conversations.
FULL_CONVERSATIONS = 4


class Backlog:
    """The last count, and the turns accepted here since."""

    def __init__(
        self,
        database: AsyncEngine,
        max_waiting: int,
        *,
        max_waiting_turns: int = 0,
        activity: Activity | None = None,
    ) -> None:
        """``max_waiting``: people of one messenger and tenant. 0: no bound.

        ``max_waiting_turns``: turns of one conversation; a person has ``FULL_CONVERSATIONS`` times
        as many. ``activity``: is told while anybody waits, at whichever bot.
        """
        self._activity = activity or Activity.never_idle()
        self._database = database
        self._max_waiting = max_waiting
        self._max_waiting_turns = max_waiting_turns
        #: The lowest bound that was asked for: all who may exceed it are counted.
        self._many_turns = max(max_waiting_turns, 1)
        self._people: Counter[tuple[str, str]] = Counter()
        #: Only of those with ``_many_turns`` or more.
        self._turns: Counter[Person] = Counter()
        self._people_since: Counter[tuple[str, str]] = Counter()
        self._turns_since: Counter[Person] = Counter()

    def is_full(self, messenger: str, tenant: str) -> bool:
        """Whether another person would wait behind more people than the setting allows."""
        waiting = self._people[messenger, tenant] + self._people_since[messenger, tenant]
        return bool(self._max_waiting) and waiting >= self._max_waiting

    def has_too_many(self, person: Person, max_waiting_turns: int | None = None) -> bool:
        """Whether the person's turns, over all their conversations, are as many as allowed.

        ``max_waiting_turns``: of one conversation in the message's scope, 0: no bound; None: the
        bound of all.
        """
        bound = self._max_waiting_turns if max_waiting_turns is None else max_waiting_turns
        if not bound:
            return False
        self._many_turns = min(self._many_turns, bound)
        return self._turns[person] + self._turns_since[person] >= bound * FULL_CONVERSATIONS

    def add(self, person: Person) -> None:
        """A turn was accepted here; call it after the commit, so that no count misses it."""
        if not self._turns_since[person]:
            self._people_since[person.messenger, person.tenant] += 1
        self._turns_since[person] += 1

    async def keep(self) -> None:
        """Count until cancelled."""
        await run_periodically(self.count, COUNT_EVERY_S)

    async def count(self) -> None:
        """Count once, for all bots."""
        people_before, self._people_since = self._people_since, Counter()
        turns_before, self._turns_since = self._turns_since, Counter()
        self._people += people_before
        self._turns += turns_before
        async with connect_directly(self._database) as connection:
            counted = await count_waiting_people(connection, many_turns=self._many_turns)
        self._people, self._turns = counted.people, counted.turns
        if counted.people:
            self._activity.note()
