"""Results taken out of the background lane, whatever single ones Postgres refuses to store."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.observability.database_errors import report_fault
from inference_queue.background import client
from inference_queue.background.client import FinishedBackgroundJob
from runtime.database import DATABASE_ERRORS
from runtime.fault_kind import FaultKind, fault_kind
from runtime.quarantine import Quarantine

#: Results written at a time.
BATCH = 200
#: Pause before a result that could not even be dropped is tried again: 1, 2, 4, ... 60 seconds.
QUARANTINE_BASE_S = 1.0
QUARANTINE_MAX_S = 60.0

Store = Callable[[Sequence[FinishedBackgroundJob]], Awaitable[None]]
Refuse = Callable[[UUID], Awaitable[None]]


class LaneResults:
    """Moves the results of a batch to their rows; those that are refused end as failures.

    ``statement`` is its name in the log and the metrics.
    """

    def __init__(self, statement: str) -> None:
        self._statement = statement
        self._quarantine = Quarantine(base_s=QUARANTINE_BASE_S, max_s=QUARANTINE_MAX_S)

    async def take(
        self, connection: AsyncConnection, batch_id: UUID, store: Store, refuse: Refuse
    ) -> int:
        """How many were taken, ``BATCH`` at most. Raises DATABASE_ERRORS, not of single results.

        ``store`` writes results; ``refuse`` ends what a job was to answer, and the job. Both may
        be rolled back.
        """
        if (due := self._quarantine.due_row()) is not None:
            self._quarantine.discard(due)
        excluded = self._quarantine.rows
        try:
            async with connection.begin_nested():
                finished = await client.take_finished(
                    connection, batch_id, BATCH, excluded=excluded
                )
                await store(finished)
                return len(finished)
        except DATABASE_ERRORS as error:
            if fault_kind(error) is not FaultKind.ROW:
                raise
        ids = await client.finished_ids(connection, batch_id, BATCH, excluded=excluded)
        for job_id in ids:
            await self._take_alone(connection, batch_id, job_id, store, refuse)
        return len(ids)

    async def _take_alone(
        self,
        connection: AsyncConnection,
        batch_id: UUID,
        job_id: UUID,
        store: Store,
        refuse: Refuse,
    ) -> None:
        try:
            async with connection.begin_nested():
                await store(await client.take_finished(connection, batch_id, 1, only=job_id))
        except DATABASE_ERRORS as error:
            self._report(error, self._statement, batch_id, job_id)
        else:
            return
        try:
            async with connection.begin_nested():
                await refuse(job_id)
        except DATABASE_ERRORS as error:
            self._report(error, f"{self._statement}_refusal", batch_id, job_id)
            self._quarantine.add(job_id)

    def _report(self, error: Exception, statement: str, batch_id: UUID, job_id: UUID) -> None:
        """Raises the error where the row is not to blame."""
        if fault_kind(error) is not FaultKind.ROW:
            raise error
        report_fault(statement, error, ids={"batch_id": batch_id, "job_id": job_id})
