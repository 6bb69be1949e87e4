"""The bound on the turns that wait for the model, per messenger and tenant."""

from __future__ import annotations

from collections import Counter

from sqlalchemy.ext.asyncio import AsyncEngine

from bot.store.queue_depth import count_waiting_turns
from runtime.periodic import run_periodically

COUNT_EVERY_S = 1.0


class Backlog:
    """The last count, and the turns accepted here since."""

    def __init__(self, database: AsyncEngine, max_waiting: int) -> None:
        """``max_waiting``: turns of one messenger and tenant; 0: no bound."""
        self._database = database
        self._max_waiting = max_waiting
        self._counts: Counter[tuple[str, str]] = Counter()
        self._accepted_since: Counter[tuple[str, str]] = Counter()

    def is_full(self, messenger: str, tenant: str) -> bool:
        """Whether another turn would wait behind more than the setting allows."""
        waiting = self._counts[messenger, tenant] + self._accepted_since[messenger, tenant]
        return bool(self._max_waiting) and waiting >= self._max_waiting

    def add(self, messenger: str, tenant: str) -> None:
        """A turn was accepted here; call it after the commit, so that no count misses it."""
        self._accepted_since[messenger, tenant] += 1

    async def keep(self) -> None:
        """Count until cancelled."""
        await run_periodically(self.count, COUNT_EVERY_S)

    async def count(self) -> None:
        """Count once, for all bots."""
        before, self._accepted_since = self._accepted_since, Counter()
        self._counts += before
        async with self._database.connect() as connection:
            self._counts = await count_waiting_turns(connection)
