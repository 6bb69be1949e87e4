"""Takes the results of a replay to their turns; one that is refused ends as a failure."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.admin.lane_results import BATCH, LaneResults
from bot.store.replays import items
from bot.store.replays.records import Replay
from inference_queue.background.client import FinishedBackgroundJob

#: The failure of a turn whose result Postgres does not store.
REFUSED = "refused"


class ResultTaker:
    """Moves results out of the lane to the turns of a replay."""

    def __init__(self) -> None:
        self._results = LaneResults("replay_result")

    async def take(self, connection: AsyncConnection, replay: Replay) -> bool:
        """Whether there may be more. Raises DATABASE_ERRORS, except of single results."""

        async def store(finished: Sequence[FinishedBackgroundJob]) -> None:
            await items.store_results(connection, replay.id, finished)

        async def refuse(job_id: UUID) -> None:
            await items.fail_job(connection, replay.id, job_id, REFUSED)

        return await self._results.take(connection, replay.batch_id, store, refuse) == BATCH
