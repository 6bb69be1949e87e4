"""Reaps the queue every two seconds: one row that Postgres refuses keeps no other job waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from inference_queue.reaper import reap, reapable
from inference_worker.faults import report_fault, report_outage
from runtime.database import DATABASE_ERRORS
from runtime.direct import AnyConnection, connect_directly
from runtime.isolation import is_outage, run_isolated
from runtime.quarantine import Quarantine

#: Bots reap too, more often while anybody waits.
REAP_EVERY_S = 2.0
STATEMENT_TIMEOUT_S = 5.0
#: Pause before a job that could not be reaped is tried again: 1, 2, 4, ... 60 seconds.
QUARANTINE_BASE_S = 1.0
QUARANTINE_MAX_S = 60.0


class Reap(Protocol):
    """Reaps some rows of a queue; one that Postgres refuses fails the whole call."""

    async def __call__(
        self,
        connection: AnyConnection,
        /,
        *,
        only: Sequence[UUID] | None = None,
        excluded: Sequence[UUID] = (),
    ) -> int:
        """The number of changed rows."""


class Reapable(Protocol):
    """Lists what would be reaped."""

    async def __call__(
        self, connection: AnyConnection, /, *, excluded: Sequence[UUID] = ()
    ) -> list[UUID]:
        """The rows' ids."""


class QueueReaper:
    """Takes back the jobs of dead workers and ends those that nobody will answer."""

    def __init__(
        self, database: AsyncEngine, *, reap: Reap = reap, reapable: Reapable = reapable
    ) -> None:
        """``reap`` and ``reapable``: of another queue than that of live jobs."""
        self._database = database
        self._reap_rows = reap
        self._list_rows = reapable
        self._quarantine = Quarantine(base_s=QUARANTINE_BASE_S, max_s=QUARANTINE_MAX_S)

    async def run(self) -> None:
        """Reap until cancelled."""
        while True:
            await asyncio.sleep(REAP_EVERY_S)
            try:
                await self.reap()
            except DATABASE_ERRORS as error:
                report_outage("reap", error)

    async def reap(self) -> None:
        """Reap once; after a fault row by row. Raises what the database raises when gone."""
        excluded = self._quarantine.rows
        try:
            await self._reap(excluded=excluded)
        except DATABASE_ERRORS as error:
            if is_outage(error):
                raise
            await self._reap_each(await self._reapable(excluded))
        if (due := self._quarantine.due_row()) is not None:
            await self._reap_each([due])

    async def _reap_each(self, ids: Sequence[UUID]) -> None:
        async def reap_some(some: Sequence[UUID]) -> None:
            await self._reap(only=some)
            for job_id in some:
                self._quarantine.discard(job_id)

        await run_isolated(ids, reap_some, on_fault=self._set_aside, timeout_s=STATEMENT_TIMEOUT_S)

    async def _reapable(self, excluded: Sequence[UUID]) -> list[UUID]:
        async with connect_directly(self._database) as connection:
            return await self._list_rows(connection, excluded=excluded)

    async def _reap(
        self, *, only: Sequence[UUID] | None = None, excluded: Sequence[UUID] = ()
    ) -> None:
        async with connect_directly(self._database) as connection:
            await self._reap_rows(connection, only=only, excluded=excluded)

    async def _set_aside(self, job_id: UUID, error: Exception) -> None:
        report_fault("reap", error, job_id)
        self._quarantine.add(job_id)
