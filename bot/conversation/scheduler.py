"""The schedule of conversations: after an accept, after a settlement, by the sweep."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, MutableMapping, Sequence
from functools import partial
from itertools import islice
from types import MappingProxyType
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.conversation.enqueuer import JobEnqueuer
from bot.conversation.faults import FIRST_PAUSE_S, FaultHandler, describe_fault
from bot.conversation.settlement_events import SettlementNotifier
from bot.domain.turns import TurnStatus
from bot.observability.metrics import TURNS
from bot.store import scheduling
from bot.store.waiting_turns import UnreadableTurnError, WaitingConversation
from runtime.activity import Activity
from runtime.database import DATABASE_ERRORS, fault_fields
from runtime.tasks import TaskSet

log = structlog.get_logger(__name__)

#: The maximum of conversations scheduled in one transaction.
BATCH = 100
#: The pause between two transactions, so that in a rush many conversations share one.
SCHEDULE_PAUSE_S = 0.01
NONE_KNOWN: Mapping[int, WaitingConversation] = MappingProxyType({})
#: Far above the duration of a transaction: a longer one waits for a row's lock.
TIMEOUT_S = 2.0


class ConversationScheduler:
    """Schedules conversations in batches, isolated from each other's faults."""

    def __init__(
        self,
        *,
        database: AsyncEngine,
        enqueuer: JobEnqueuer,
        notifier: SettlementNotifier,
        timeout_s: float = TIMEOUT_S,
        fault_pause_s: float = FIRST_PAUSE_S,
        activity: Activity | None = None,
    ) -> None:
        """``timeout_s``: of each transaction; ``fault_pause_s``: first pause of a bad row.

        ``activity``: is told of every conversation that is to be scheduled.
        """
        self._activity = activity or Activity.never_idle()
        self._database = database
        self._enqueuer = enqueuer
        self._notifier = notifier
        self._timeout_s = timeout_s
        self._faults: FaultHandler[int] = FaultHandler(
            "schedule",
            id_name="conversation_id",
            timeout_s=timeout_s,
            first_pause_s=fault_pause_s,
        )
        self._due: dict[int, WaitingConversation | None] = {}
        self._running: asyncio.Task[None] | None = None
        self._tasks = TaskSet()

    @property
    def paused(self) -> tuple[int, ...]:
        """The conversations excluded from batches."""
        return self._faults.quarantine.rows

    def schedule_soon(self, conversation_id: int, found: WaitingConversation | None = None) -> None:
        """Schedule the conversation with the next batch; ``found``: as it was just read."""
        self._due[conversation_id] = found
        self._activity.note()
        if self._running is None or self._running.done():
            self._running = self._tasks.start(self._schedule_due())

    def note_queued(self, turn_id: UUID, job_id: UUID) -> None:
        """Announce the job of a turn that was queued with its accept."""
        self._activity.note()
        self._enqueuer.announce({turn_id: job_id})

    async def schedule(
        self,
        conversation_ids: Sequence[int],
        known: Mapping[int, WaitingConversation] = NONE_KNOWN,
    ) -> None:
        """Schedule the conversations now; if that fails, each alone.

        ``known``: those that were read already. An outage is logged: the sweep finds the
        conversations again.
        """
        paused = set(self.paused)
        batch = [key for key in conversation_ids if key not in paused]
        await self._schedule_isolated(batch, known)

    async def retry_paused(self) -> None:
        """Schedule the conversation whose pause ended first, alone."""
        if (conversation_id := self._faults.quarantine.due_row()) is not None:
            await self._schedule_isolated([conversation_id])

    async def close(self) -> None:
        """Wait for the transactions that have begun."""
        await self._tasks.wait_for_started()

    async def _schedule_isolated(
        self, batch: Sequence[int], known: Mapping[int, WaitingConversation] = NONE_KNOWN
    ) -> None:
        tried: dict[int, UUID] = {}
        # After a fault each conversation is read anew.
        work = partial(self._schedule_batch, tried, dict(known))
        try:
            await self._faults.run(batch, work, bury=partial(self._fail_turn, tried))
        except DATABASE_ERRORS as error:
            log.warning("schedule_failed", **fault_fields(error))

    async def _schedule_batch(
        self,
        tried: dict[int, UUID],
        known: MutableMapping[int, WaitingConversation],
        conversation_ids: Sequence[int],
    ) -> None:
        async with asyncio.timeout(self._timeout_s):
            waits = await self._enqueuer.enqueue(conversation_ids, tried, known)
        for conversation_id, wait_s in waits.items():
            self._tasks.start(self._schedule_later(conversation_id, wait_s))

    async def _schedule_later(self, conversation_id: int, delay_s: float) -> None:
        await asyncio.sleep(delay_s)
        self._due[conversation_id] = None
        await self._schedule_due()

    async def _schedule_due(self) -> None:
        """Schedule in batches: conversations added during a transaction share the next one."""
        while self._due:
            batch = list(islice(self._due, BATCH))
            due = {key: self._due.pop(key) for key in batch}
            await self.schedule(batch, {key: found for key, found in due.items() if found})
            await asyncio.sleep(SCHEDULE_PAUSE_S)

    async def _fail_turn(
        self, tried: dict[int, UUID], conversation_id: int, error: Exception
    ) -> None:
        """End the turn that cannot be scheduled, and go on with the next of its conversation.

        It is named: meanwhile another may have ended it, and the oldest is an innocent one.
        """
        turn_id = tried.get(conversation_id)
        if isinstance(error, UnreadableTurnError):
            turn_id = error.turn_id
        async with self._database.begin() as connection:
            turn = await scheduling.fail_waiting(
                connection, conversation_id, turn_id=turn_id, message=describe_fault(error)
            )
        if turn is None:
            return
        TURNS.labels(turn.messenger, TurnStatus.FAILED).inc()
        log.error("turn_failed", turn_id=str(turn.id), conversation_id=conversation_id)
        self._notifier.notify([turn.id])
        self.schedule_soon(conversation_id)
