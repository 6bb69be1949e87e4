"""The job that looks for alerts, and has each told once over all bots."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncEngine

from bot.admin.alerts.conditions import SLOW, SLOW_S, Conditions
from bot.admin.alerts.telling import AlertTeller
from bot.store import alerts
from bot.store.alerts import Notice
from runtime.timeouts import run_with_timeout

TIMEOUT_S = 10.0


class AlertWatch:
    """Notes what fires, and hands on what is due; a slow channel does not delay the next look."""

    def __init__(
        self, *, database: AsyncEngine, conditions: Conditions, teller: AlertTeller
    ) -> None:
        self._database = database
        self._conditions = conditions
        self._teller = teller

    async def look(self) -> None:
        """Look once. Raises DATABASE_ERRORS."""
        for notice in await run_with_timeout(TIMEOUT_S, self._due()):
            self._teller.tell(notice)

    async def _due(self) -> list[Notice]:
        async with self._database.begin() as connection:
            await alerts.observe(connection, await self._conditions.look(connection))
        async with self._database.begin() as connection:
            return await alerts.claim_notices(connection, slow=SLOW, wait_s=SLOW_S)
