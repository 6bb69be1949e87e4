"""Takes the results of a replay, whatever single ones Postgres refuses to store."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.observability.database_errors import report_fault
from bot.store.replays import items
from bot.store.replays.records import Replay
from inference_queue.background import client
from runtime.database import DATABASE_ERRORS
from runtime.fault_kind import FaultKind, fault_kind
from runtime.quarantine import Quarantine

#: Results written at a time.
BATCH = 200
#: The failure of a turn whose result Postgres does not store.
REFUSED = "refused"
#: Pause before a result that could not even be dropped is tried again: 1, 2, 4, ... 60 seconds.
QUARANTINE_BASE_S = 1.0
QUARANTINE_MAX_S = 60.0


class ResultTaker:
    """Moves results out of the lane to their turns; one that is refused ends as a failure."""

    def __init__(self) -> None:
        self._quarantine = Quarantine(base_s=QUARANTINE_BASE_S, max_s=QUARANTINE_MAX_S)

    async def take(self, connection: AsyncConnection, replay: Replay) -> bool:
        """Whether there may be more. Raises DATABASE_ERRORS, except of single results."""
        if (due := self._quarantine.due_row()) is not None:
            self._quarantine.discard(due)
        excluded = self._quarantine.rows
        try:
            async with connection.begin_nested():
                return await _take(connection, replay, excluded=excluded) == BATCH
        except DATABASE_ERRORS as error:
            if fault_kind(error) is not FaultKind.ROW:
                raise
        ids = await client.finished_ids(connection, replay.batch_id, BATCH, excluded=excluded)
        for job_id in ids:
            await self._take_alone(connection, replay, job_id)
        return len(ids) == BATCH

    async def _take_alone(self, connection: AsyncConnection, replay: Replay, job_id: UUID) -> None:
        try:
            async with connection.begin_nested():
                await _take(connection, replay, only=job_id)
        except DATABASE_ERRORS as error:
            await self._refuse(connection, replay, job_id, error)

    async def _refuse(
        self, connection: AsyncConnection, replay: Replay, job_id: UUID, error: Exception
    ) -> None:
        if fault_kind(error) is not FaultKind.ROW:
            raise error
        report_fault("replay_result", error, ids={"replay": replay.id, "job_id": job_id})
        try:
            async with connection.begin_nested():
                await items.fail_job(connection, replay.id, job_id, REFUSED)
        except DATABASE_ERRORS as again:
            if fault_kind(again) is not FaultKind.ROW:
                raise
            report_fault("replay_refusal", again, ids={"replay": replay.id, "job_id": job_id})
            self._quarantine.add(job_id)


async def _take(
    connection: AsyncConnection,
    replay: Replay,
    *,
    only: UUID | None = None,
    excluded: tuple[UUID, ...] = (),
) -> int:
    finished = await client.take_finished(
        connection, replay.batch_id, BATCH, only=only, excluded=excluded
    )
    await items.store_results(connection, replay.id, finished)
    return len(finished)
