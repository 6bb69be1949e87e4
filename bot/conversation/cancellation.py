"""Cancelling a turn on request: at once while it waits, else by stopping its job."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.conversation.settlement_events import SettlementNotifier
from bot.domain.turns import TurnStatus
from bot.observability.metrics import TURNS
from bot.store import cancellation
from inference_queue.client import JobQueue

log = structlog.get_logger(__name__)


class TurnCanceller:
    """Stops the answer to a turn, as far as it has not been written yet."""

    def __init__(
        self,
        *,
        database: AsyncEngine,
        queue: JobQueue,
        notifier: SettlementNotifier,
        settle_soon: Callable[[], None],
    ) -> None:
        """``settle_soon`` wakes the settler: a queued job has its end at once."""
        self._database = database
        self._queue = queue
        self._notifier = notifier
        self._settle_soon = settle_soon

    async def cancel(self, turn_id: UUID) -> bool:
        """Whether the turn is cancelled, or its job was asked to stop; False: it has its result.

        A worker hears of it when it renews its leases; a job that it finishes before that is
        answered after all.
        """
        async with self._database.begin() as connection:
            cancelled = await cancellation.cancel_waiting(connection, turn_id)
            job_id = None if cancelled else await cancellation.running_job(connection, turn_id)
            stopping = bool(job_id and await self._queue.cancel(connection, job_id))
        if cancelled:
            TURNS.labels(cancelled.messenger, TurnStatus.CANCELLED).inc()
            log.info("turn_settled", turn_id=str(turn_id), status=TurnStatus.CANCELLED.value)
            self._notifier.notify([turn_id])
        if stopping:
            log.info("turn_cancel_requested", turn_id=str(turn_id), job_id=str(job_id))
            self._settle_soon()
        return bool(cancelled) or stopping
