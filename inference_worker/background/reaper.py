"""Reaps the background lane: the jobs of dead workers run again."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncEngine

from inference_queue.background.reaper import (
    forget_results,
    reap_background,
    reapable_background,
)
from inference_worker.queue_reaper import QueueReaper
from runtime.direct import connect_directly
from runtime.periodic import run_periodically

REAP_EVERY_S = 5.0


class BackgroundReaper:
    """Takes back the background jobs of dead workers; one refused row keeps no other waiting."""

    def __init__(self, database: AsyncEngine) -> None:
        self._database = database
        self._reaper = QueueReaper(database, reap=reap_background, reapable=reapable_background)

    async def run(self) -> None:
        """Reap until cancelled."""
        await run_periodically(self.reap, REAP_EVERY_S)

    async def reap(self) -> None:
        """Reap once. Raises DATABASE_ERRORS."""
        await self._reaper.reap()
        async with connect_directly(self._database) as connection:
            await forget_results(connection)
