"""The settlement of turns: each result of a worker into its turn, exactly once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.conversation.faults import FIRST_PAUSE_S, FaultHandler, describe_fault
from bot.conversation.settlement_follow_up import SettlementFollowUp
from bot.delivery.dispatcher import DeliveryDispatcher
from bot.domain.turns import STORAGE_FAULT, TurnStatus
from bot.store import settlements
from bot.store.delivery_claims import ClaimRequest
from bot.store.settlements import SettledTurn, Settlement
from inference_queue.client import FinishedJob, JobQueue
from inference_queue.protocol import Completion, Failure, FailureReason, FinishReason
from runtime.activity import Activity
from runtime.direct import DirectConnection, connect_directly
from runtime.isolation import is_outage
from runtime.periodic import FailureLog, run_periodically
from runtime.pubsub import WakeupSubscriber
from runtime.tasks import cancel_and_wait

log = structlog.get_logger(__name__)

SETTLE_POLL_S = 0.25
RETRY_EVERY_S = 0.5
#: The maximum of jobs per statement: it locks their conversations, and accepts wait for it.
SETTLE_BATCH = 20
#: Far above the duration of a settlement: a longer one waits for a row's lock.
TIMEOUT_S = 2.0
_STATUSES = {
    FailureReason.CANCELLED: TurnStatus.CANCELLED,
    FailureReason.EXPIRED: TurnStatus.EXPIRED,
}


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
        self._dispatcher = dispatcher
        self._activity = activity or Activity.never_idle()
        self._activity.on_begin.append(finished.notify_local)
        self._database = database
        self._queue = queue
        self._finished = finished
        self._follow_up = follow_up
        self._elsewhere: list[UUID] = []  # jobs of full rounds that others were settling
        self._timeout_s = timeout_s
        self._faults: FaultHandler[UUID] = FaultHandler(
            "settle",
            id_name="job_id",
            timeout_s=timeout_s,
            bury=self._settle_as_failed,
            first_pause_s=fault_pause_s,
        )

    async def keep_settling(self) -> None:
        """Settle finished jobs, until cancelled."""
        # In its own task: a paused job whose statement hangs again must not delay the batches.
        retrying = asyncio.create_task(run_periodically(self.retry_paused, RETRY_EVERY_S))
        failures = FailureLog("settle")
        try:
            while True:
                with failures.guard():
                    if await self.settle() == SETTLE_BATCH:
                        continue
                if failures.failing:
                    await asyncio.sleep(SETTLE_POLL_S)
                await self._finished.wait(self._activity.poll_s(SETTLE_POLL_S))
        finally:
            await cancel_and_wait(retrying)

    async def settle(self) -> int:
        """Write finished jobs into their turns, exactly once; the number of jobs found.

        Raises database errors of an outage.
        """
        elsewhere, self._elsewhere = self._elsewhere, []
        excluded = [*self._faults.quarantine.rows, *elsewhere]
        try:
            work = self._settle_and_follow_up(excluded)
            finished, settled = await (self._dispatcher.finish(work) if self._dispatcher else work)
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

    async def _settle_and_follow_up(
        self, excluded: Sequence[UUID]
    ) -> tuple[list[FinishedJob], list[SettledTurn]]:
        """Both to their end: what waits behind a settled turn would be left to the sweep else."""
        finished, settled = await self._settle_batch(excluded)
        try:
            await self._follow_up.run(settled)
        except Exception:
            log.exception("follow_up_broke")  # no fault of a result: they are settled
        return finished, settled

    async def _settle_batch(
        self, excluded: Sequence[UUID]
    ) -> tuple[list[FinishedJob], list[SettledTurn]]:
        """The jobs found, and the turns settled; their deliveries are on the way where possible."""
        async with asyncio.timeout(self._timeout_s), connect_directly(self._database) as connection:
            finished = await self._queue.finished(connection, SETTLE_BATCH, excluded=excluded)
            if not finished or self._dispatcher is None:
                return finished, await self._write(connection, finished)
            with self._dispatcher.claiming(len(finished)) as claims:
                settled = await self._write(connection, finished, claims)
                self._dispatcher.send([turn.claim for turn in settled if turn.claim])
            return finished, settled

    async def _settle_each_alone(self, excluded: Sequence[UUID]) -> int:
        async with self._database.connect() as connection:
            job_ids = await self._queue.finished_ids(connection, SETTLE_BATCH, excluded=excluded)
        await self._faults.run_apart(job_ids, self._settle_jobs)
        return len(job_ids)

    async def retry_paused(self) -> None:
        """Settle the job whose pause ended first, alone."""
        if (job_id := self._faults.quarantine.due_row()) is not None:
            await self._faults.run_apart([job_id], self._settle_jobs)

    async def _settle_jobs(self, job_ids: Sequence[UUID]) -> None:
        async with asyncio.timeout(self._timeout_s), connect_directly(self._database) as connection:
            finished = await self._queue.finished(connection, len(job_ids), only=job_ids)
            settled = await self._write(connection, finished)
        await self._follow_up.run(settled)

    async def _write(
        self,
        connection: DirectConnection,
        finished: Sequence[FinishedJob],
        claims: ClaimRequest | None = None,
    ) -> list[SettledTurn]:
        if not finished:
            return []
        results = [settlement_of(job) for job in finished]
        return await settlements.settle(connection, results, claims)

    async def _settle_as_failed(self, job_id: UUID, error: Exception) -> None:
        """Make the turn a dead letter; its job leaves the queue with it."""
        async with connect_directly(self._database) as connection:
            finished = await self._queue.finished(connection, 1, only=[job_id])
            failed = [
                Settlement(
                    job_id=job.id,
                    status=TurnStatus.FAILED,
                    started_at=job.started_at,
                    failure_reason=STORAGE_FAULT,
                    failure_message=describe_fault(error),
                    runs=job.runs,
                )
                for job in finished
            ]
            settled = await settlements.settle(connection, failed)
        await self._follow_up.run(settled)


def settlement_of(job: FinishedJob) -> Settlement:
    """The settlement for the job's result; an empty answer is a failure."""
    result = job.result
    if isinstance(result, Completion) and not result.text.strip():
        result = Failure(reason=FailureReason.ENGINE_ERROR, message="the answer was empty")
    if isinstance(result, Completion):
        stopped = result.finish_reason is FinishReason.CANCELLED
        return Settlement(
            job_id=job.id,
            status=TurnStatus.CANCELLED if stopped else TurnStatus.ANSWERED,
            started_at=job.started_at,
            completion=result,
            runs=job.runs,
        )
    return Settlement(
        job_id=job.id,
        status=_STATUSES.get(result.reason, TurnStatus.FAILED),
        started_at=job.started_at,
        failure_reason=result.reason.value,
        failure_message=result.message,
        runs=job.runs,
    )
