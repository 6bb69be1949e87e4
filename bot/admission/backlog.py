"""How many turns wait for the model, per messenger and tenant: the bound at the door."""

from __future__ import annotations

from collections import Counter

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.domain.turns import TurnStatus
from bot.store.schema import turns
from runtime.periodic import run_periodically

COUNT_EVERY_S = 1.0
WAITING = (TurnStatus.RECEIVED, TurnStatus.QUEUED, TurnStatus.GENERATING)


class Backlog:
    """The last count, and what was accepted here since."""

    def __init__(self, database: AsyncEngine, most: int) -> None:
        self._database = database
        self._most = most
        self._counts: Counter[tuple[str, str]] = Counter()
        self._accepted_since: Counter[tuple[str, str]] = Counter()

    def is_full(self, messenger: str, tenant: str) -> bool:
        """Whether another turn would wait behind more than the setting allows."""
        waiting = self._counts[messenger, tenant] + self._accepted_since[messenger, tenant]
        return bool(self._most) and waiting >= self._most

    def add(self, messenger: str, tenant: str) -> None:
        """A turn was accepted here; call it once that is committed, so that none slips through."""
        self._accepted_since[messenger, tenant] += 1

    async def keep(self) -> None:
        """Count until cancelled."""
        await run_periodically(self.count, COUNT_EVERY_S)

    async def count(self) -> None:
        """Count once, for all bots."""
        statement = (
            select(turns.c.messenger, turns.c.tenant, func.count().label("waiting"))
            .where(turns.c.status.in_([status.value for status in WAITING]))
            .group_by(turns.c.messenger, turns.c.tenant)
        )
        before, self._accepted_since = self._accepted_since, Counter()
        self._counts += before
        async with self._database.connect() as connection:
            rows = await connection.execute(statement)
            self._counts = Counter({(row.messenger, row.tenant): row.waiting for row in rows})
