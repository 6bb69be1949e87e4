"""The periodic sweep of deliveries: orphans recovered, overdue ones expired."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from bot.delivery.row_isolation import RowIsolation
from bot.observability.database_errors import report_database_error
from bot.store import delivery_recovery
from bot.store.row_filter import RowFilter
from runtime.database import DATABASE_ERRORS
from runtime.direct import connect_directly
from runtime.periodic import run_periodically

SWEEP_EVERY_S = 2.0


class DeliverySweeper:
    """Recovers the deliveries of dead processes and expires overdue ones."""

    def __init__(self, *, database: AsyncEngine) -> None:
        self._database = database
        self._recovery = RowIsolation("recover")
        self._expiry = RowIsolation("expire")

    async def keep_sweeping(self) -> None:
        """Sweep every few seconds, until cancelled."""
        await run_periodically(self.sweep, SWEEP_EVERY_S)

    async def sweep(self) -> None:
        """Run one round. Errors are logged; neither half depends on the other."""
        try:
            await self._recovery.run(self._recover, self._find_lost)
        except DATABASE_ERRORS as error:
            report_database_error("recover", error)
        try:
            await self._expiry.run(self._expire, self._find_overdue)
        except DATABASE_ERRORS as error:
            report_database_error("expire", error)

    async def _recover(self, rows: RowFilter) -> None:
        async with connect_directly(self._database) as connection:
            await delivery_recovery.recover(connection, rows)

    async def _find_lost(self, rows: RowFilter) -> list[UUID]:
        async with connect_directly(self._database) as connection:
            return await delivery_recovery.find_lost(connection, rows)

    async def _expire(self, rows: RowFilter) -> None:
        async with connect_directly(self._database) as connection:
            await delivery_recovery.expire(connection, rows)

    async def _find_overdue(self, rows: RowFilter) -> list[UUID]:
        async with connect_directly(self._database) as connection:
            return await delivery_recovery.find_overdue(connection, rows)
