"""The audit trail: what was read is written down before it is shown.

Readers at the same moment share one transaction, so they do not wait for each other's commits.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncEngine

from bot.domain.audit import AuditEntry
from bot.store import audit_log
from runtime.micro_batcher import BatchLimits, MicroBatcher

#: A statement waits for other bots' writers; the page says that the database is gone after it.
_LIMITS = BatchLimits(max_size=200, batch_timeout_s=3.0, item_timeout_s=3.0)


class AuditTrail:
    """Writes entries of their own transactions; a change writes its entry in its transaction."""

    def __init__(self, database: AsyncEngine) -> None:
        self._database = database
        self._batcher: MicroBatcher[AuditEntry, None] = MicroBatcher(
            self._append, key=id, limits=_LIMITS
        )

    async def record(self, entry: AuditEntry) -> None:
        """Return once the entry is committed. Raises DATABASE_ERRORS.

        After a time-out an entry may stand twice in the log, but never not at all.
        """
        await self._batcher.submit(entry)

    async def _append(self, entries: Sequence[AuditEntry]) -> list[None]:
        async with self._database.begin() as connection:
            await audit_log.append(connection, entries)
        return [None] * len(entries)
