"""Reaps the background lane: the jobs of dead workers run again."""

from __future__ import annotations

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from inference_queue.background.reaper import forget_results, reap_background
from runtime.periodic import run_periodically

log = structlog.get_logger(__name__)

REAP_EVERY_S = 5.0


class BackgroundReaper:
    """Takes back the background jobs of dead workers."""

    def __init__(self, database: AsyncEngine) -> None:
        self._database = database

    async def run(self) -> None:
        """Reap until cancelled."""
        await run_periodically(self.reap, REAP_EVERY_S)

    async def reap(self) -> None:
        """Reap once. Raises DATABASE_ERRORS."""
        async with self._database.begin() as connection:
            reaped = await reap_background(connection)
            await forget_results(connection)
        if reaped:
            log.info("background_reaped", jobs=reaped)
