"""The daily deletion of audit rows that were kept long enough."""

from __future__ import annotations

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.store import audit_log
from bot.store.locks import OneBot, try_lock

log = structlog.get_logger(__name__)


class AuditRetention:
    """Keeps the log for ``kept_days``, at least two years."""

    def __init__(self, database: AsyncEngine, *, kept_days: int) -> None:
        self._database = database
        self._kept_days = kept_days

    async def trim(self) -> int:
        """Run one round, in small transactions; the number of deleted rows."""
        total = 0
        while deleted := await self._step():
            total += deleted
        if total:
            log.info("audit_log_trimmed", rows=total, kept_days=self._kept_days)
        return total

    async def _step(self) -> int:
        async with self._database.begin() as connection:
            if not await try_lock(connection, OneBot.AUDIT_RETENTION):
                return 0
            return await audit_log.trim(connection, kept_days=self._kept_days)
