"""The writes of a settlement: results into turns, claims of deliveries, then the follow-up."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.conversation.faults import describe_fault
from bot.conversation.settlement_follow_up import SettlementFollowUp
from bot.delivery.dispatcher import DeliveryDispatcher
from bot.domain.turns import STORAGE_FAULT, TurnStatus
from bot.store import settlements
from bot.store.delivery_claims import ClaimRequest
from bot.store.settlements import SettledTurn, Settlement
from inference_queue.client import FinishedJob, JobQueue
from inference_queue.protocol import Completion, Failure, FailureReason, FinishReason
from runtime.direct import connect_directly

T = TypeVar("T")
log = structlog.get_logger(__name__)

_STATUSES = {
    FailureReason.CANCELLED: TurnStatus.CANCELLED,
    FailureReason.EXPIRED: TurnStatus.EXPIRED,
}


class SettlementWriter:
    """Settles finished jobs, many in one statement. Raises database errors."""

    def __init__(
        self,
        *,
        database: AsyncEngine,
        queue: JobQueue,
        follow_up: SettlementFollowUp,
        dispatcher: DeliveryDispatcher | None,
        timeout_s: float,
    ) -> None:
        """``dispatcher``: takes over what is claimed; None: nothing is."""
        self._database = database
        self._queue = queue
        self._follow_up = follow_up
        self._dispatcher = dispatcher
        self._timeout_s = timeout_s

    async def settle(
        self, limit: int, excluded: Sequence[UUID]
    ) -> tuple[list[FinishedJob], list[SettledTurn]]:
        """Read finished jobs and settle them, to the end; the jobs found, the turns settled."""
        return await self._to_the_end(self._settle(limit, excluded))

    async def settle_unread(self, job_ids: Sequence[UUID]) -> list[SettledTurn]:
        """Settle those of the jobs that one statement can settle, to the end; their turns."""
        return await self._to_the_end(self._settle_unread(job_ids))

    async def settle_apart(self, job_ids: Sequence[UUID]) -> None:
        """Settle these jobs, and claim no delivery."""
        async with asyncio.timeout(self._timeout_s), connect_directly(self._database) as connection:
            finished = await self._queue.finished(connection, len(job_ids), only=job_ids)
            results = [settlement_of(job) for job in finished]
            settled = await settlements.settle(connection, results) if results else []
        await self._follow_up.run(settled)

    async def settle_as_failed(self, job_id: UUID, error: Exception) -> None:
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

    async def _to_the_end(self, work: Coroutine[Any, Any, T]) -> T:
        """Finish even if cancelled: the next question would wait for the sweep else."""
        return await (self._dispatcher.finish(work) if self._dispatcher else work)

    async def _settle(
        self, limit: int, excluded: Sequence[UUID]
    ) -> tuple[list[FinishedJob], list[SettledTurn]]:
        async with asyncio.timeout(self._timeout_s), connect_directly(self._database) as connection:
            finished = await self._queue.finished(connection, limit, excluded=excluded)
            if not finished:
                return finished, []
            results = [settlement_of(job) for job in finished]
            write = partial(settlements.settle, connection, results)
            settled = await self._claiming(len(finished), write)
        await self._follow(settled)
        return finished, settled

    async def _settle_unread(self, job_ids: Sequence[UUID]) -> list[SettledTurn]:
        async with asyncio.timeout(self._timeout_s), connect_directly(self._database) as connection:
            write = partial(settlements.settle_unread, connection, job_ids)
            settled = await self._claiming(len(job_ids), write)
        await self._follow(settled)
        return settled

    async def _claiming(
        self, max_claims: int, write: Callable[[ClaimRequest | None], Awaitable[list[SettledTurn]]]
    ) -> list[SettledTurn]:
        """Write, and start the deliveries that were claimed with it."""
        if self._dispatcher is None:
            return await write(None)
        with self._dispatcher.claiming(max_claims) as claims:
            settled = await write(claims)
            self._dispatcher.send([turn.claim for turn in settled if turn.claim])
        return settled

    async def _follow(self, settled: Sequence[SettledTurn]) -> None:
        try:
            await self._follow_up.run(settled)
        except Exception:
            log.exception("follow_up_broke")  # no fault of a result: they are settled


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
