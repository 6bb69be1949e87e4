"""One round of scheduling: the waiting turns of unlocked conversations become jobs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from dataclasses import replace
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.conversation.bursts import burst_wait_s, next_burst
from bot.conversation.job_planner import JobPlanner, PlannedBurst, has_pictures
from bot.conversation.settlement_events import SettlementNotifier
from bot.store import conversations, queueing, scheduling
from bot.store.queueing import QueuedTurns
from bot.store.waiting_turns import WaitingConversation, waiting_conversations
from inference_queue.client import JobQueue
from runtime.direct import AnyConnection, begin_directly, connect_directly

#: Jobs with pictures in one transaction: each may have a megabyte.
MAX_WITH_PICTURES = 8
#: The pause before another try: after too many pictures, a write in between, or a lock.
RETRY_S = 0.05

log = structlog.get_logger(__name__)


class _ChangedError(Exception):
    """Quotes were erased from a turn, or its stop was asked for: neither waits for a lock."""


class JobEnqueuer:
    """Enqueues one job for the next burst of each conversation without a running turn."""

    def __init__(
        self,
        *,
        database: AsyncEngine,
        queue: JobQueue,
        planner: JobPlanner,
        notifier: SettlementNotifier,
        merge_window_s: float,
    ) -> None:
        self._database = database
        self._queue = queue
        self._planner = planner
        self._notifier = notifier
        self._merge_window_s = merge_window_s
        self._locked: set[int] = set()  # conversations that were locked when they were last tried

    async def enqueue(
        self,
        conversation_ids: Iterable[int],
        tried: dict[int, UUID],
        known: MutableMapping[int, WaitingConversation],
    ) -> dict[int, float]:
        """Enqueue complete bursts; the seconds to wait, by conversation with an incomplete one.

        ``tried`` receives the oldest turn of each burst: the one to fail after a fault. ``known``:
        conversations that were read already; each is taken out.

        The usual job is planned from a read without locks, and queued by one statement if that is
        still true. What needs more statements, or changed meanwhile, is planned in a transaction
        that holds the conversations' locks. Neither waits for a conversation's lock: a locked one
        is tried once more, and then left to the sweep, for a frozen process may hold it.
        """
        waits: dict[int, float] = {}
        async with connect_directly(self._database) as connection:
            found = await _found(connection, conversation_ids, known)
            bursts = self._ready_bursts(found, waits, tried)
            plans = await self._planner.plan_usual(bursts)
            queued = await self._queue_plans(connection, plans)
        self._announce(plans, queued)
        usual = {plan.burst.state.id for plan in plans}
        waits |= self._once_more(usual, queued.locked)
        rest = [burst.state.id for burst in bursts if burst.state.id not in usual]
        if rest := [*rest, *queued.changed]:
            waits |= await self._enqueue_locked(rest, tried)
        return waits

    async def _enqueue_locked(
        self, conversation_ids: Sequence[int], tried: dict[int, UUID]
    ) -> dict[int, float]:
        waits: dict[int, float] = {}
        try:
            async with begin_directly(self._database) as connection:
                free = await conversations.lock_free_conversations(connection, conversation_ids)
                found = await waiting_conversations(connection, free)
                bursts = self._ready_bursts(found, waits, tried)
                plans = await self._planner.plan(connection, bursts)
                kept = await self._planner.keep_settings(connection, plans)
                queued = await self._queue_plans(connection, plans)
                if queued.changed:
                    raise _ChangedError
                await _merge(connection, plans)
        except _ChangedError:
            return dict.fromkeys(conversation_ids, RETRY_S)
        self._planner.settings_kept(kept)
        self._announce(plans, queued)
        return waits | self._once_more(conversation_ids, set(conversation_ids).difference(free))

    def _once_more(self, tried: Iterable[int], locked: Iterable[int]) -> dict[int, float]:
        """The waits for those of the tried conversations that are locked for the first time."""
        again = set(locked) - self._locked
        self._locked = self._locked.difference(tried) | again
        return dict.fromkeys(again, RETRY_S)

    def _ready_bursts(
        self,
        found: Iterable[WaitingConversation],
        waits: dict[int, float],
        tried: dict[int, UUID],
    ) -> list[WaitingConversation]:
        """The complete bursts, each noted in ``tried``; the waits for the others in ``waits``."""
        ready, seeing = [], 0
        for conversation in found:
            turns = next_burst(conversation.turns, self._merge_window_s)
            burst = replace(conversation, turns=turns)
            wait_s = burst_wait_s(turns, self._merge_window_s)
            if not wait_s and has_pictures(burst):
                seeing += 1
                wait_s = RETRY_S if seeing > MAX_WITH_PICTURES else 0.0
            if wait_s:
                waits[burst.state.id] = wait_s
            else:
                ready.append(burst)
                tried[burst.state.id] = turns[0].id
        return ready

    async def _queue_plans(
        self, connection: AnyConnection, plans: Sequence[PlannedBurst]
    ) -> QueuedTurns:
        if not plans:
            return QueuedTurns(jobs={}, changed=[], locked=[])
        return await queueing.queue_turns(connection, [plan.turn for plan in plans])

    def announce(self, jobs: Mapping[UUID, UUID]) -> None:
        """Wake the workers for committed jobs, given by their turns."""
        self._queue.wake(jobs.values())
        for turn_id, job_id in jobs.items():
            log.info("turn_queued", turn_id=str(turn_id), job_id=str(job_id))

    def _announce(self, plans: Sequence[PlannedBurst], queued: QueuedTurns) -> None:
        if not queued.jobs:
            return
        self.announce(queued.jobs)
        written = [plan for plan in plans if plan.newest.id in queued.jobs]
        self._notifier.notify([turn_id for plan in written for turn_id in plan.merged])


async def _found(
    connection: AnyConnection,
    conversation_ids: Iterable[int],
    known: MutableMapping[int, WaitingConversation],
) -> list[WaitingConversation]:
    """The conversations with waiting turns: those that are known, and the others as read now."""
    ids = list(conversation_ids)
    found = [known.pop(one) for one in ids if one in known]
    unknown = set(ids) - {one.state.id for one in found}
    return [*found, *(await waiting_conversations(connection, unknown) if unknown else ())]


async def _merge(connection: AnyConnection, plans: Iterable[PlannedBurst]) -> None:
    for plan in plans:
        if plan.merged:
            await scheduling.merge(connection, plan.merged, into=plan.newest.id)
