"""Cancellation of turns on request: at once for a waiting turn, else by stopping its job."""

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
    """Cancels turns that have no result yet."""

    def __init__(
        self,
        *,
        database: AsyncEngine,
        queue: JobQueue,
        notifier: SettlementNotifier,
        settle_soon: Callable[[], None],
    ) -> None:
        """``settle_soon`` wakes the settler: a cancelled queued job is finished at once."""
        self._database = database
        self._queue = queue
        self._notifier = notifier
        self._settle_soon = settle_soon

    async def cancel(self, turn_id: UUID) -> bool:
        """Cancel the turn, or request that its job stops; False: the turn has its result.

        A worker gets the request with its next lease renewal; a job that it finishes before that
        is still answered.
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
