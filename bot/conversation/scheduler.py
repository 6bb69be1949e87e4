"""All rules of the conversation: accept, order, history, settle, reset, expire."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import structlog
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bot.conversation.accept_batcher import Intake
from bot.conversation.settlement_events import SettlementNotifier
from bot.domain.turns import TurnStatus, Utterance
from bot.observability.metrics import ANSWER_SECONDS, TURNS
from bot.settings import Settings
from bot.store import settlements, turns
from bot.store.history_cache import Exchange, RecentHistory, Window, mark, newest
from bot.store.inbox import Accepted
from bot.store.reply_handles import load_handle
from bot.store.settlements import Settled, Settlement
from bot.workers import WorkerRegistry
from inference_queue.client import FinishedJob, JobQueue
from inference_queue.presets import Preset
from inference_queue.protocol import (
    Completion,
    Failure,
    FailureReason,
    Job,
    Message,
    Role,
    SamplingParams,
)
from inference_queue.reaper import reap
from runtime.database import DATABASE_ERRORS
from runtime.periodic import run_periodically
from runtime.pubsub import WakeupSubscriber
from runtime.timeouts import run_with_timeout

log = structlog.get_logger(__name__)

#: An accept that takes longer is answered with a sentence instead of a messenger's time-out.
ACCEPT_TIMEOUT_S = 2.0
SETTLE_POLL_S = 0.25
MARK_EVERY_S = 0.25
SWEEP_EVERY_S = 1.0
#: Between two transactions of the scheduling, so that in a rush many share one.
SCHEDULE_PAUSE_S = 0.01
BATCH = 100
#: Settled in one transaction: it holds the conversations' rows, and their accepts wait for it.
SETTLE_BATCH = 20
#: A burst waits for its next message at most so many windows.
MAX_BURST_WINDOWS = 4


class StoreDownError(Exception):
    """Postgres did not take the message, or not in time: the person has to send it again."""


class Dialogue:
    """From an utterance to a job, and from a job's result to a settled turn."""

    def __init__(
        self,
        *,
        settings: Settings,
        database: AsyncEngine,
        queue: JobQueue,
        history: RecentHistory,
        presence: WorkerRegistry,
        finished: WakeupSubscriber,
        settled: SettlementNotifier,
    ) -> None:
        self._settings = settings
        self._database = database
        self._autocommit = database.execution_options(isolation_level="AUTOCOMMIT")
        self._intake = Intake(database)
        self._queue = queue
        self._history = history
        self._presence = presence
        self._finished = finished
        self._settled = settled
        self._due: set[int] = set()
        self._scheduler: asyncio.Task[None] | None = None
        self._scheduling: set[asyncio.Task[None]] = set()

    async def receive(self, utterance: Utterance) -> Accepted:
        """Commit the utterance as a turn, then schedule it. Raises StoreDownError."""
        try:
            # Nothing but a future is waited for here, so a cancellation takes effect at once.
            async with asyncio.timeout(ACCEPT_TIMEOUT_S):
                accepted = await self._intake.accept(utterance)
        except DATABASE_ERRORS as error:
            log.error("store_down", messenger=utterance.messenger, error=type(error).__name__)
            raise StoreDownError from error
        log.info(
            "turn_received" if accepted.new else "turn_repeated",
            turn_id=str(accepted.turn_id),
            messenger=utterance.messenger,
        )
        if accepted.new:
            self._schedule_soon(accepted.conversation_id)
        return accepted

    async def reset(self, *, messenger: str, tenant: str, key: str) -> None:
        """Forget what was said, for the prompts to come. Raises StoreDownError."""
        begin_anew = self._reset(messenger=messenger, tenant=tenant, key=key)
        try:
            await run_with_timeout(ACCEPT_TIMEOUT_S, begin_anew)
        except DATABASE_ERRORS as error:
            raise StoreDownError from error

    async def schedule(self, conversation_ids: Iterable[int]) -> None:
        """Turn what waits in each conversation into one job, where none is running.

        One transaction, which waits for nobody: who holds a conversation's lock schedules it
        too, and what a frozen process holds is left to the sweep.
        """
        async with self._database.begin() as connection:
            rows = await turns.lock_free_conversations(connection, conversation_ids)
            bursts = self._ready_bursts(await turns.waiting_turns(connection, rows))
            if not bursts:
                return
            queued = await self._queue_bursts(connection, rows, bursts)
        self._queue.wake()
        self._settled.notify([turn.id for burst in bursts for turn in burst[:-1]])
        for job_id, turn_id in queued.items():
            log.info("turn_queued", turn_id=str(turn_id), job_id=str(job_id))

    def _ready_bursts(self, waiting: Iterable[list[Row[Any]]]) -> list[list[Row[Any]]]:
        """The bursts that are over; a conversation whose burst goes on comes again."""
        ready = []
        for waiting_turns in waiting:
            burst = next_burst(waiting_turns, self._settings.merge_window_s)
            if wait_s := burst_wait_s(burst, self._settings.merge_window_s):
                self._schedule_later(burst[-1].conversation_id, wait_s)
            else:
                ready.append(burst)
        return ready

    async def _queue_bursts(
        self, connection: AsyncConnection, rows: dict[int, Row[Any]], bursts: list[list[Row[Any]]]
    ) -> dict[UUID, UUID]:
        """Answer the newest turn of each burst, with the text of all; the turn of each job."""
        name, preset = self._presence.preset(self._settings.preset)
        windows = [_window(rows[burst[-1].conversation_id], burst[-1]) for burst in bursts]
        histories = await self._history.load(connection, windows)
        jobs = [
            self._job(rows[window.conversation], burst, histories.get(window, []), preset)
            for burst, window in zip(bursts, windows, strict=True)
        ]
        for *merged, turn in bursts:
            if merged:
                await turns.merge(connection, [row.id for row in merged], into=turn.id)
                await turns.keep_prompt(connection, turn.id, _said([*merged, turn]))
        queued = {job.id: burst[-1].id for job, burst in zip(jobs, bursts, strict=True)}
        await turns.queue_turns(connection, queued, preset=name)
        await self._queue.enqueue(connection, *jobs)
        return queued

    def _job(
        self,
        conversation: Row[Any],
        burst: list[Row[Any]],
        exchanges: list[Exchange],
        preset: Preset,
    ) -> Job:
        turn = burst[-1]
        return Job(
            id=uuid4(),
            messages=self._prompt(exchanges, _said(burst), preset.system_prompt),
            sampling=self._sampling(preset.sampling, turn.messenger),
            due=load_handle(turn.reply_handle).due(turn.received_at),
            deadline=turn.expires_at,
            cache_key=f"{conversation.tenant}:{conversation.id}:{conversation.epoch}",
        )

    async def keep_settling(self) -> None:
        """Settle what the workers finish, until cancelled."""
        while True:
            try:
                if await self.settle() == SETTLE_BATCH:
                    continue
            except DATABASE_ERRORS as error:
                log.warning("database_gone", error=type(error).__name__)
                await asyncio.sleep(SETTLE_POLL_S)
            await self._finished.wait(SETTLE_POLL_S)

    async def settle(self) -> int:
        """Write finished jobs into their turns, exactly once; how many there were."""
        async with self._database.begin() as connection:
            finished = await self._queue.completed(connection, SETTLE_BATCH)
            if not finished:
                return 0
            settled = await settlements.settle(connection, [_settlement(job) for job in finished])
        self._settled.notify([one.turn.id for one in settled])
        for one in settled:
            await self._after(one)
        return len(finished)

    async def _after(self, settled: Settled) -> None:
        """What follows the commit: counts, the history window, the conversation's next turn."""
        turn = settled.turn
        TURNS.labels(turn.messenger, turn.status).inc()
        ANSWER_SECONDS.labels(turn.messenger).observe(
            (turn.settled_at - turn.received_at).total_seconds()
        )
        log.info("turn_settled", turn_id=str(turn.id), status=turn.status)
        if settled.previous is not None:
            await self._history.append(
                turn.conversation_id,
                epoch=turn.epoch,
                previous=settled.previous,
                exchange=Exchange(mark(turn.seq, turn.settled_at), turn.said, turn.answer),
            )
        if turn.more:
            self._schedule_soon(turn.conversation_id)

    async def keep_marking(self) -> None:
        """Let the log say which turns are being answered, until cancelled."""
        await run_periodically(self._mark, MARK_EVERY_S)

    async def _mark(self) -> None:
        async with self._autocommit.connect() as connection:
            await turns.mark_generating(connection)

    async def keep_sweeping(self) -> None:
        """Pick up what a crash left behind and end what is too late, until cancelled."""
        while True:
            await asyncio.sleep(SWEEP_EVERY_S)
            with contextlib.suppress(*DATABASE_ERRORS):
                await self.sweep()

    async def sweep(self) -> None:
        """One round of ``keep_sweeping``."""
        async with self._database.begin() as connection:
            await reap(connection)
            expired = await turns.expire_waiting(connection)
        self._settled.notify([row.id for row in expired])
        async with self._database.connect() as connection:
            waiting = await turns.waiting_conversations(connection, BATCH)
        if waiting:
            await self._schedule_or_leave(list(waiting))

    async def close(self) -> None:
        """Let the scheduling that has begun come to its end."""
        await asyncio.gather(*self._scheduling, return_exceptions=True)

    async def _reset(self, *, messenger: str, tenant: str, key: str) -> None:
        async with self._autocommit.connect() as connection:
            await turns.reset(connection, messenger=messenger, tenant=tenant, key=key)

    def _schedule_soon(self, conversation_id: int) -> None:
        self._due.add(conversation_id)
        if self._scheduler is None or self._scheduler.done():
            self._scheduler = self._keep(self._schedule_due())

    def _schedule_later(self, conversation_id: int, delay_s: float) -> None:
        async def later() -> None:
            await asyncio.sleep(delay_s)
            self._due.add(conversation_id)
            await self._schedule_due()

        self._keep(later())

    def _keep(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._scheduling.add(task)
        task.add_done_callback(self._scheduling.discard)
        return task

    async def _schedule_or_leave(self, batch: list[int]) -> None:
        try:
            await self.schedule(batch)
        except DATABASE_ERRORS as error:
            # The sweep finds them again.
            log.warning("schedule_failed", error=type(error).__name__)
        except Exception:
            # One conversation that cannot be scheduled must not hold up the others.
            log.exception("schedule_broke", conversations=batch)
            if len(batch) > 1:
                for conversation_id in batch:
                    await self._schedule_or_leave([conversation_id])

    async def _schedule_due(self) -> None:
        """What comes while one transaction runs shares the next: a burst costs few round trips."""
        while self._due:
            batch = [self._due.pop() for _ in range(min(len(self._due), BATCH))]
            await self._schedule_or_leave(batch)
            await asyncio.sleep(SCHEDULE_PAUSE_S)

    def _prompt(
        self, exchanges: list[Exchange], text: str, system_prompt: str
    ) -> tuple[Message, ...]:
        """System, the answered turns of the epoch so far, and what was said now."""
        messages = [Message(Role.SYSTEM, self._settings.system_prompt or system_prompt)]
        for exchange in exchanges:
            messages.append(Message(Role.USER, exchange.text))
            messages.append(Message(Role.ASSISTANT, exchange.answer))
        messages.append(Message(Role.USER, text))
        return tuple(messages)

    def _sampling(self, sampling: SamplingParams, messenger: str) -> SamplingParams:
        """The preset's sampling; on Kakao no more tokens than three bubbles can show."""
        limit = self._settings.kakao_max_new_tokens if messenger == "kakao" else None
        if limit is None or sampling.max_new_tokens <= limit:
            return sampling
        return replace(sampling, max_new_tokens=limit)


def _settlement(job: FinishedJob) -> Settlement:
    result = job.result
    if isinstance(result, Completion) and not result.text.strip():
        result = Failure(reason=FailureReason.ENGINE_ERROR, message="the answer was empty")
    return Settlement(job.id, _status(result), result, job.started_at)


def _status(result: Completion | Failure) -> TurnStatus:
    if isinstance(result, Completion):
        return TurnStatus.ANSWERED
    ends = {
        FailureReason.CANCELLED: TurnStatus.CANCELLED,
        FailureReason.EXPIRED: TurnStatus.EXPIRED,
    }
    return ends.get(result.reason, TurnStatus.FAILED)


def _window(conversation: Row[Any], turn: Row[Any]) -> Window:
    """The history of the turn: none where a reset came after it was said."""
    same = turn.epoch == conversation.epoch
    return Window(conversation.id, conversation.epoch, newest(conversation) if same else "")


def _said(burst: list[Row[Any]]) -> str:
    return "\n".join(turn.text for turn in burst)


def next_burst(waiting: list[Row[Any]], window_s: float) -> list[Row[Any]]:
    """The oldest waiting turn, and those sent right after it: each within ``window_s`` of the last.

    A reset ends a burst. With no window every turn is a burst of its own.
    """
    burst = waiting[:1]
    for turn in waiting[1:]:
        # Not in the order of seq where two accepts overtook each other: then it is negative.
        pause_s = abs((turn.received_at - burst[-1].received_at).total_seconds())
        if pause_s >= window_s or turn.epoch != burst[-1].epoch:
            break
        burst.append(turn)
    return burst


def burst_wait_s(burst: list[Row[Any]], window_s: float) -> float:
    """Seconds to wait for the burst's next message; 0: it is over, or it has gone on too long."""
    now = datetime.now(UTC)
    quiet_s = (now - burst[-1].received_at).total_seconds()
    age_s = (now - burst[0].received_at).total_seconds()
    left_s = min(window_s - quiet_s, MAX_BURST_WINDOWS * window_s - age_s)
    return left_s if left_s > 0.01 else 0.0
