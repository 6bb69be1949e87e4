"""The deletion of sandbox chats that are a day old."""

from __future__ import annotations

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.store import sandbox
from inference_queue.background import client

log = structlog.get_logger(__name__)


class SandboxExpiry:
    """Deletes old questions with their answers, and stops jobs that nobody waits for."""

    def __init__(self, database: AsyncEngine) -> None:
        self._database = database

    async def expire(self) -> int:
        """Run one round, in small transactions; the number of deleted questions."""
        total = 0
        while deleted := await self._step():
            total += deleted
        if total:
            log.info("sandbox_expired", questions=total)
        return total

    async def _step(self) -> int:
        async with self._database.begin() as connection:
            batches = await sandbox.expire(connection)
            for batch_id in batches:
                await client.cancel(connection, batch_id)
        return len(batches)
