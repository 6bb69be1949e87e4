"""The sweep of recent events: their rows are worthless minutes after their windows."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncEngine

from bot.store import recent_events
from runtime.timeouts import run_with_timeout

TIMEOUT_S = 5.0


class EventSweeper:
    """Deletes outlived rows of recent events."""

    def __init__(self, *, database: AsyncEngine) -> None:
        self._database = database.execution_options(isolation_level="AUTOCOMMIT")

    async def sweep(self) -> None:
        """Run one round, until nothing is left to delete."""
        while await run_with_timeout(TIMEOUT_S, self._forget()) == recent_events.BATCH:
            continue

    async def _forget(self) -> int:
        async with self._database.connect() as connection:
            return await recent_events.forget(connection)
