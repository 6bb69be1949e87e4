"""One scheduling transaction: the waiting turns of unlocked conversations become jobs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.conversation.bursts import burst_text, burst_wait_s, next_burst
from bot.conversation.prompt import PlannedJob, PromptBuilder, history_window
from bot.conversation.settlement_events import SettlementNotifier
from bot.store import conversations, prompt_settings, scheduling
from bot.store.conversations import LockedConversation
from bot.store.history_cache import RecentHistory
from bot.store.scheduling import QueuedTurn, WaitingTurn
from bot.store.turn_pictures import take_pictures
from inference_queue.client import JobQueue
from inference_queue.protocol import Picture
from runtime.direct import AnyConnection, begin_directly

#: Jobs with pictures in one transaction: each may have a megabyte.
MAX_WITH_PICTURES = 8
CROWDED_WAIT_S = 0.05
#: Settings of prompts that a bot remembers as stored: far more than it has rooms with their own.
MAX_KEPT_SETTINGS = 10_000

log = structlog.get_logger(__name__)


class JobEnqueuer:
    """Enqueues one job for the next burst of each conversation without a running turn."""

    def __init__(
        self,
        *,
        database: AsyncEngine,
        queue: JobQueue,
        history: RecentHistory,
        prompts: PromptBuilder,
        notifier: SettlementNotifier,
        merge_window_s: float,
        picture_kept_days: int = 0,
    ) -> None:
        self._database = database
        self._queue = queue
        self._history = history
        self._prompts = prompts
        self._notifier = notifier
        self._merge_window_s = merge_window_s
        self._picture_kept_days = picture_kept_days
        self._kept_settings: set[UUID] = set()

    async def enqueue(
        self, conversation_ids: Iterable[int], tried: dict[int, UUID]
    ) -> dict[int, float]:
        """Enqueue complete bursts; the seconds to wait, by conversation with an incomplete one.

        ``tried`` receives the oldest turn of each burst: the one to fail after a fault.

        One transaction, which waits for no conversation's lock: the holder schedules the
        conversation itself, and one locked by a frozen process is left to the sweep.
        """
        waits: dict[int, float] = {}
        async with begin_directly(self._database) as connection:
            locked = await conversations.lock_free_conversations(connection, conversation_ids)
            waiting = await scheduling.waiting_turns(connection, locked)
            bursts = self._ready_bursts(waiting, waits)
            tried |= {burst[0].conversation_id: burst[0].id for burst in bursts}
            plans = await self._plan(connection, locked, bursts) if bursts else []
            kept = await self._keep_settings(connection, plans)
            queued = await self._queue_plans(connection, bursts, plans)
        self._kept_settings |= kept
        if queued:
            self._queue.wake()
            self._notifier.notify([turn.id for burst in bursts for turn in burst[:-1]])
        for job_id, turn_id in queued.items():
            log.info("turn_queued", turn_id=str(turn_id), job_id=str(job_id))
        return waits

    def _ready_bursts(
        self, waiting: Iterable[Sequence[WaitingTurn]], waits: dict[int, float]
    ) -> list[list[WaitingTurn]]:
        """The complete bursts; the waits for the others go into ``waits``."""
        ready, seeing = [], 0
        for waiting_turns in waiting:
            burst = next_burst(waiting_turns, self._merge_window_s)
            wait_s = burst_wait_s(burst, self._merge_window_s)
            if not wait_s and _has_pictures(burst):
                seeing += 1
                wait_s = CROWDED_WAIT_S if seeing > MAX_WITH_PICTURES else 0.0
            if wait_s:
                waits[burst[-1].conversation_id] = wait_s
            else:
                ready.append(burst)
        return ready

    async def _plan(
        self,
        connection: AnyConnection,
        locked: Mapping[int, LockedConversation],
        bursts: Sequence[list[WaitingTurn]],
    ) -> list[PlannedJob]:
        """The job for the newest turn of each burst."""
        windows = [history_window(locked[burst[-1].conversation_id], burst[-1]) for burst in bursts]
        histories = await self._history.load(connection, windows)
        pictures = await self._pictures(connection, bursts)
        return [
            self._prompts.plan(
                locked[window.conversation],
                burst,
                histories.get(window, []),
                tuple(one for turn in burst for one in pictures.get(turn.id, ())),
            )
            for burst, window in zip(bursts, windows, strict=True)
        ]

    async def _pictures(
        self, connection: AnyConnection, bursts: Sequence[list[WaitingTurn]]
    ) -> dict[UUID, tuple[Picture, ...]]:
        """The pictures of the turns that have some; no statement where none has."""
        ids = [turn.id for burst in bursts for turn in burst if turn.pictures]
        kept_days = self._picture_kept_days
        return await take_pictures(connection, ids, kept_days=kept_days) if ids else {}

    async def _keep_settings(
        self, connection: AnyConnection, plans: Sequence[PlannedJob]
    ) -> set[UUID]:
        """Store the settings of prompts that are new; their ids, certain with the commit."""
        if len(self._kept_settings) > MAX_KEPT_SETTINGS:
            self._kept_settings.clear()
        used = [plan.settings for plan in plans]
        return await prompt_settings.keep(connection, used, kept=self._kept_settings)

    async def _queue_plans(
        self,
        connection: AnyConnection,
        bursts: Sequence[list[WaitingTurn]],
        plans: Sequence[PlannedJob],
    ) -> dict[UUID, UUID]:
        """Enqueue the jobs; the turn's id by its job's."""
        if not plans:
            return {}
        for burst in bursts:
            await _merge(connection, burst)
        queued = [_queued(burst[-1], plan) for burst, plan in zip(bursts, plans, strict=True)]
        await scheduling.queue_turns(connection, queued)
        await self._queue.enqueue(connection, *(plan.job for plan in plans))
        return {turn.job_id: turn.turn_id for turn in queued}


def _queued(turn: WaitingTurn, plan: PlannedJob) -> QueuedTurn:
    return QueuedTurn(
        turn_id=turn.id,
        job_id=plan.job.id,
        preset=plan.preset,
        config_version=plan.config_version,
        prompt_settings=plan.settings.id,
        history=plan.history,
    )


def _has_pictures(burst: Sequence[WaitingTurn]) -> bool:
    return any(turn.pictures for turn in burst)


async def _merge(connection: AnyConnection, burst: Sequence[WaitingTurn]) -> None:
    *merged, turn = burst
    if merged:
        await scheduling.merge(connection, [earlier.id for earlier in merged], into=turn.id)
        await scheduling.keep_prompt(connection, turn.id, burst_text(burst))
