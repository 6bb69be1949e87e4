"""The job that carries out orders to send many dead letters again."""

from __future__ import annotations

import asyncio

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.store import bulk_resends
from runtime.timeouts import run_with_timeout

log = structlog.get_logger(__name__)

#: So many a second: a messenger's limits and new answers keep their room.
BATCH = 20
PAUSE_S = 1.0
TIMEOUT_S = 10.0


class BulkResender:
    """Reopens dead letters in small batches; after a restart it goes on with what is left."""

    def __init__(self, *, database: AsyncEngine, pause_s: float = PAUSE_S) -> None:
        self._database = database
        self._pause_s = pause_s

    async def send(self) -> None:
        """Carry out what is ordered by now. Raises DATABASE_ERRORS."""
        while True:
            batch = await run_with_timeout(TIMEOUT_S, self._send_some())
            if batch is None:
                return
            log.info("bulk_resend", order=batch.id, sent=batch.sent, more=batch.more)
            await asyncio.sleep(self._pause_s)

    async def _send_some(self) -> bulk_resends.Batch | None:
        async with self._database.begin() as connection:
            return await bulk_resends.send_some(connection, batch=BATCH)
