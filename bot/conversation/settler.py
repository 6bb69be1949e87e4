"""The settlement of turns: each result of a worker into its turn, exactly once."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from bot.conversation.faults import FIRST_PAUSE_S, FaultHandler
from bot.conversation.settlement_follow_up import SettlementFollowUp
from bot.conversation.settlement_writer import SettlementWriter
from bot.delivery.dispatcher import DeliveryDispatcher
from inference_queue.client import JobQueue
from runtime.activity import Activity
from runtime.isolation import is_outage
from runtime.periodic import FailureLog, run_periodically
from runtime.pubsub import UNNAMED, WakeupSubscriber
from runtime.tasks import cancel_and_wait

SETTLE_POLL_S = 0.25
RETRY_EVERY_S = 0.5
#: The maximum of jobs per statement: it locks their conversations, and accepts wait for it.
SETTLE_BATCH = 20
#: A bot that lives has settled what it has enqueued by then: the others need not look before.
OTHERS_S = 0.05
#: Far above the duration of a settlement: a longer one waits for a row's lock.
TIMEOUT_S = 2.0


class Settler:
    """Settles finished jobs, isolated from results that Postgres refuses."""

    def __init__(
        self,
        *,
        database: AsyncEngine,
        queue: JobQueue,
        finished: WakeupSubscriber,
        follow_up: SettlementFollowUp,
        dispatcher: DeliveryDispatcher | None = None,
        timeout_s: float = TIMEOUT_S,
        fault_pause_s: float = FIRST_PAUSE_S,
        activity: Activity | None = None,
    ) -> None:
        """``timeout_s``: of each settlement; ``fault_pause_s``: first pause of a bad row.

        ``dispatcher``: takes over what is claimed with a settlement; None: nothing is.
        ``activity``: of this bot; None: it is never idle.
        """
        self._activity = activity or Activity.never_idle()
        self._activity.on_begin.append(finished.notify_local)
        self._database = database
        self._queue = queue
        self._finished = finished
        self._writer = SettlementWriter(
            database=database,
            queue=queue,
            follow_up=follow_up,
            dispatcher=dispatcher,
            timeout_s=timeout_s,
        )
        self._elsewhere: list[UUID] = []  # jobs of full rounds that others were settling
        self._read_until = 0.0  # monotonic; finished jobs are not read before without need
        self._others_at = math.inf  # monotonic; then other bots' jobs are looked for
        self._faults: FaultHandler[UUID] = FaultHandler(
            "settle",
            id_name="job_id",
            timeout_s=timeout_s,
            bury=self._writer.settle_as_failed,
            first_pause_s=fault_pause_s,
        )

    async def keep_settling(self) -> None:
        """Settle finished jobs, until cancelled."""
        # In its own task: a paused job whose statement hangs again must not delay the batches.
        retrying = asyncio.create_task(run_periodically(self.retry_paused, RETRY_EVERY_S))
        failures = FailureLog("settle")
        causes: Collection[str] = ()
        try:
            while True:
                with failures.guard():
                    found = await self.settle_woken(causes)
                    causes = ()
                    if found >= SETTLE_BATCH:
                        continue
                if failures.failing:
                    await asyncio.sleep(SETTLE_POLL_S)
                others_s = max(self._others_at - time.monotonic(), 0.0)
                poll_s = self._activity.poll_s(SETTLE_POLL_S)
                causes = await self._finished.wait(min(poll_s, others_s))
        finally:
            await cancel_and_wait(retrying)

    async def settle_woken(self, causes: Collection[str]) -> int:
        """Settle after a wake-up of these causes, or a poll without any; the number of jobs found.

        Usual results of jobs that this bot has enqueued are settled unread. Other bots' jobs wake
        every bot: most would pay for a statement that finds nothing.
        """
        own = self._queue.take_announced(causes)
        if len(own) < len(causes):
            self._others_at = min(self._others_at, time.monotonic() + OTHERS_S)
        found = await self._settle_unread(own) if self._may_share(own) else 0
        # Some are left, or a wake-up may have been lost while others came.
        due_at = min(self._read_until, self._others_at)
        if found < len(own) or _is_unnamed(causes) or time.monotonic() >= due_at:
            found += await self.settle()
        return found

    async def _settle_unread(self, job_ids: Sequence[UUID]) -> int:
        try:
            return len(await self._writer.settle_unread(job_ids))
        except Exception as error:
            if is_outage(error):
                raise
            return await self._settle_each_alone(self._faults.quarantine.rows)

    def _may_share(self, job_ids: Sequence[UUID]) -> bool:
        """Whether one statement may settle these jobs: not too many, and none at fault."""
        paused = self._faults.quarantine.rows
        return 0 < len(job_ids) <= SETTLE_BATCH and not any(one in paused for one in job_ids)

    async def settle(self) -> int:
        """Write finished jobs into their turns, exactly once; the number of jobs found.

        Raises database errors of an outage.
        """
        elsewhere, self._elsewhere = self._elsewhere, []
        excluded = [*self._faults.quarantine.rows, *elsewhere]
        self._read_until, self._others_at = time.monotonic() + SETTLE_POLL_S, math.inf
        try:
            finished, settled = await self._writer.settle(SETTLE_BATCH, excluded)
        except Exception as error:
            if is_outage(error):
                raise
            return await self._settle_each_alone(excluded)
        if len(finished) == SETTLE_BATCH:
            mine = {turn.job_id for turn in settled}
            self._elsewhere = [job.id for job in finished if job.id not in mine]
            if not mine:  # what comes behind all of them would never be reached
                self._elsewhere += elsewhere
        # Messages of jobs that this round found would wake the next one for nothing.
        self._finished.handled([str(job.id) for job in finished])
        return len(finished)

    async def _settle_each_alone(self, excluded: Sequence[UUID]) -> int:
        async with self._database.connect() as connection:
            job_ids = await self._queue.finished_ids(connection, SETTLE_BATCH, excluded=excluded)
        await self._faults.run_apart(job_ids, self._writer.settle_apart)
        return len(job_ids)

    async def retry_paused(self) -> None:
        """Settle the job whose pause ended first, alone."""
        if (job_id := self._faults.quarantine.due_row()) is not None:
            await self._faults.run_apart([job_id], self._writer.settle_apart)


def _is_unnamed(causes: Collection[str]) -> bool:
    """Whether a wake-up may tell of any job: a poll, or a message about many."""
    return not causes or UNNAMED in causes
