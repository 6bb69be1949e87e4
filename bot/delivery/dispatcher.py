"""Settled turns to their messenger: exactly once, as far as HTTP allows.

A claim in Postgres comes before every call. What can be refused cleanly is tried again; what may
have arrived is never repeated blindly: a Kakao answer becomes held, a Slack one unconfirmed.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Any, TypeVar
from uuid import UUID, uuid4

import structlog
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bot.domain.deliveries import (
    Answer,
    DeliveryResult,
    DeliveryState,
    DeliveryVia,
    Outcome,
    ReplyHandle,
)
from bot.domain.messenger import Messenger, Reconcilable
from bot.domain.turns import SETTLED, TurnStatus
from bot.observability.metrics import DELIVERIES
from bot.settings import Settings
from bot.store import deliveries, delivery_recovery, reconciliation
from bot.store.deliveries import CloseSyncWindow, DeliveryClaim
from bot.store.reply_handles import load_handle
from bot.text.catalog import Texts
from bot.text.splitting import shorten
from bot.workers import WorkerRegistry
from inference_queue.client import JobQueue
from inference_queue.protocol import FailureReason
from runtime.database import DATABASE_ERRORS
from runtime.micro_batcher import BatchLimits, MicroBatcher
from runtime.periodic import run_periodically

log = structlog.get_logger(__name__)

POLL_S = 0.3
MIN_POLL_S = 0.01
#: Looking through all that waits takes its time where much does; at most this share of it all,
#: but a callback's end must not be missed because one look was slow.
SCAN_DUTY_CYCLE = 0.1
MAX_POLL_S = 1.0
SWEEP_EVERY_S = 2.0
BATCH = 32
#: Sync windows closed in one statement, and how long that may take together and alone: a webhook
#: waits for it, and has 0.6 s left (webhooks.DATABASE_S).
WINDOWS = 64
SHARED_S = 0.25
ALONE_S = 0.6
BACKOFF_MAX_S = 60.0
PARTIAL_CHARS = 2400
#: Tries that can be traced; the last ones go the way that is refused less often.
TRACED_TRIES = deliveries.MAX_ATTEMPTS - 2
#: A callback refused for now may be tried again so long after its budget: 48 s of Kakao's 60.
CALLBACK_GRACE = timedelta(seconds=8)
#: How long an outcome that Postgres does not take is kept.
RECORD_RETRY_S = 600.0
#: The longest that a messenger and the record of its outcome may take when the process ends.
CLOSE_S = 12.0

T = TypeVar("T")


class Delivery:
    """Claims what is due and hands it to its messenger."""

    def __init__(
        self,
        *,
        settings: Settings,
        texts: Texts,
        database: AsyncEngine,
        messengers: Mapping[str, Messenger],
        queue: JobQueue,
        presence: WorkerRegistry,
    ) -> None:
        self._settings = settings
        self._texts = texts
        self._database = database
        self._autocommit = database.execution_options(isolation_level="AUTOCOMMIT")
        self._messengers = messengers
        # A claim and its mark are one transaction; where nothing is ever traced, one statement.
        traces_any = any(
            isinstance(one, Reconcilable) and one.traces for one in messengers.values()
        )
        self._claiming = self._database.begin if traces_any else self._autocommit.connect
        self._queue = queue
        self._presence = presence
        self._named: dict[UUID, bool] = {}  # settled here; whether it was in vain before
        self._blocked: list[UUID] = []
        self._unanswered: dict[UUID, float] = {}  # claims by name, and when they were begun
        self._wanted = asyncio.Event()
        self._next_scan_at = 0.0
        # Repeating is safe: what the first try closed stays closed, and the next way is the same.
        self._windows = MicroBatcher(
            self._close_sync_windows,
            key=attrgetter("turn_id"),
            patience=BatchLimits(most=WINDOWS, shared_s=SHARED_S, alone_s=ALONE_S),
        )
        self._unfinished: set[asyncio.Task[Any]] = set()
        self._on_wire = 0

    async def answer(self, connection: AsyncConnection, turn: Row[Any]) -> Answer:
        """What the person is shown for a settled turn, and what is offered beside it."""
        plain = self._plain(turn)
        if _stands_alone(turn):
            return plain
        return replace(
            plain,
            earlier=tuple(
                await deliveries.earlier_held(connection, turn.conversation_id, turn.seq)
            ),
            expired=await deliveries.tell_expired(connection, turn.conversation_id),
        )

    def _plain(self, turn: Row[Any]) -> Answer:
        answered = turn.status == TurnStatus.ANSWERED
        return Answer(
            turn_id=turn.id,
            text=turn.answer if answered else self._sentence(turn),
            ai_notice=answered and not turn.answered_before and self._settings.ai_notice,
        )

    async def keep_delivering(self) -> None:
        """Deliver what is due, until cancelled."""
        while True:
            try:
                # Shielded: what is claimed while the process ends would be sent by nobody.
                if await asyncio.shield(self._begin(self.deliver_due())):
                    continue
            except DATABASE_ERRORS as error:
                log.warning("database_gone", error=type(error).__name__)
            await self._until_wanted()

    async def _until_wanted(self) -> None:
        left_s = max(self._next_scan_at - time.monotonic(), MIN_POLL_S)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(left_s):
                await self._wanted.wait()
        self._wanted.clear()

    async def keep_sweeping(self) -> None:
        """Take over what dead processes left and expire what nobody fetched, until cancelled."""
        await run_periodically(self._sweep, SWEEP_EVERY_S)

    async def _sweep(self) -> None:
        async with self._autocommit.connect() as connection:
            await delivery_recovery.recover(connection)
            await delivery_recovery.expire(connection)

    async def deliver_due(self) -> bool:
        """Begin to send what is due, as far as there is room; whether more may be due at once."""
        room = BATCH - self._on_wire
        if not room:
            return False
        if (began := time.monotonic()) < self._next_scan_at:
            return await self._deliver_named(room)
        self._next_scan_at = began + POLL_S
        begun = await self._deliver_some(room)
        took_s = time.monotonic() - began
        pause_s = min(took_s / SCAN_DUTY_CYCLE, MAX_POLL_S)
        self._next_scan_at = max(self._next_scan_at, began + pause_s)
        return bool(self._named) or len(begun) == room

    def deliver_soon(self, turn_ids: Iterable[UUID]) -> None:
        """These turns are settled: theirs go without waiting for the next look at everything."""
        self._named |= dict.fromkeys(turn_ids, False)
        self._wanted.set()

    async def _deliver_named(self, room: int) -> bool:
        named = {turn_id: self._named.pop(turn_id) for turn_id in list(self._named)[:room]}
        begun = await self._deliver_some(room, list(named)) if named else set()
        # One more chance for what an earlier answer of its conversation was in the way of.
        self._blocked += [one for one, again in named.items() if not again and one not in begun]
        return bool(self._named)

    async def _deliver_some(self, room: int, turn_ids: list[UUID] | None = None) -> set[UUID]:
        """Claim what is due, or what of ``turn_ids`` is, and begin to send it; which it was."""
        async with self._claiming() as connection:
            if self._unanswered:
                await self._give_back(connection)
            self._unanswered[name := uuid4()] = time.monotonic()
            due = await deliveries.claim_due(connection, room, turn_ids, name=name)
            claims = [self._mark_reconcilable(claim) for claim in due]
            if traced := [claim for claim in claims if claim.traced]:
                await reconciliation.mark(connection, traced)
        self._unanswered.clear()
        self._on_wire += len(claims)
        for claim in claims:
            self._begin(self._deliver(claim))
        return {claim.turn_id for claim in claims}

    async def _give_back(self, connection: AsyncConnection) -> None:
        """Claims that Postgres may have taken as it died: nothing of them was sent."""
        oldest = time.monotonic() - deliveries.CLAIM_S
        self._unanswered = {name: at for name, at in self._unanswered.items() if at > oldest}
        await delivery_recovery.give_back(connection, self._unanswered)

    def _mark_reconcilable(self, claim: DeliveryClaim) -> DeliveryClaim:
        """The claim, traced where its messenger can find afterwards what it showed."""
        turn = claim.turn
        messenger = self._messengers.get(turn.messenger)
        traced = (
            claim.via is DeliveryVia.POST
            and claim.attempts <= TRACED_TRIES
            and isinstance(messenger, Reconcilable)
            and messenger.traceable(load_handle(turn.reply_handle))
        )
        return replace(claim, traced=traced)

    async def close_sync_windows(
        self, turn_id: UUID, *, via: DeliveryVia, state: DeliveryState, after_s: float
    ) -> bool:
        """Close the sync window of an open webhook and name the next way; False: it was closed."""
        return await self._windows.do(CloseSyncWindow(turn_id, via, state, after_s))

    def record_soon(self, claim: DeliveryClaim, state: DeliveryState, detail: str) -> None:
        """Write an outcome down without keeping the messenger's connection waiting for it."""
        self._begin(self._record(claim, state, detail))

    async def close(self) -> None:
        """Let what is on the wire, or being written down, come to its end."""
        ends = time.monotonic() + CLOSE_S
        while self._unfinished and (left_s := ends - time.monotonic()) > 0:
            await asyncio.wait(self._unfinished, timeout=left_s)

    def _begin(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(work)
        self._unfinished.add(task)
        task.add_done_callback(self._unfinished.discard)
        return task

    async def _close_sync_windows(self, windows: Sequence[CloseSyncWindow]) -> list[bool]:
        async with self._autocommit.connect() as connection:
            return await deliveries.close_sync_windows(connection, windows)

    async def _record(
        self, claim: DeliveryClaim, state: DeliveryState, detail: str, retry_in_s: float = 0.0
    ) -> None:
        """Keep trying: what is on the wire must be written down, or it is taken for lost.

        Also when others took it for lost: they are told better, if nobody has claimed it since.
        """
        gives_up = time.monotonic() + RECORD_RETRY_S
        while time.monotonic() < gives_up:
            with contextlib.suppress(*DATABASE_ERRORS):
                async with self._autocommit.connect() as connection:
                    await deliveries.record(
                        connection, claim, state, detail=detail, retry_in_s=retry_in_s
                    )
                return
            await asyncio.sleep(POLL_S)

    async def _deliver(self, claim: DeliveryClaim) -> None:
        try:
            await self._send(claim, claim.turn)
        finally:
            self._on_wire -= 1
            # There is room again, and the conversation's next answer may go.
            self._named |= dict.fromkeys(self._blocked, True)
            self._blocked.clear()
            self._wanted.set()

    async def _send(self, claim: DeliveryClaim, turn: Row[Any]) -> None:
        answer = await self._outcome(turn)
        handle = load_handle(turn.reply_handle)
        try:
            result = await self._show(self._messengers[turn.messenger], claim, handle, answer)
        except Exception as error:
            log.exception("delivery_broke", turn_id=str(turn.id))
            result = DeliveryResult(outcome=Outcome.UNCONFIRMED, detail=type(error).__name__)
        state, retry_in_s = _next_state(claim, result, handle, held=answer.hold)
        await self._record(claim, state, result.detail, retry_in_s)
        DELIVERIES.labels(turn.messenger, claim.via.value, state.value).inc()
        log.info(
            "turn_delivery",
            turn_id=str(turn.id),
            via=claim.via.value,
            outcome=result.outcome.value,
            state=state.value,
            detail=result.detail,
        )

    async def _outcome(self, turn: Row[Any]) -> Answer:
        """What there is to show of a turn that is due, settled or not."""
        settled = turn.status in SETTLED
        answer = self._plain(turn) if settled else self._holding(turn, partial="")
        if settled and _stands_alone(turn):
            return answer
        # Without Postgres the claim still is ours: then it goes without what stands beside it.
        with contextlib.suppress(*DATABASE_ERRORS):
            async with self._autocommit.connect() as connection:
                if settled:
                    return await self.answer(connection, turn)
                if turn.job_id:
                    partial = await self._queue.partial(connection, turn.job_id)
                    return self._holding(turn, partial=partial)
        return answer

    async def _show(
        self, messenger: Messenger, claim: DeliveryClaim, handle: ReplyHandle, answer: Answer
    ) -> DeliveryResult:
        """Show the answer in a way that can be traced, where there is one, else in any."""
        if not (claim.traced and isinstance(messenger, Reconcilable)):
            return await messenger.deliver(handle, claim.via, answer)
        if claim.is_stale:
            return DeliveryResult(outcome=Outcome.RETRY, detail="not sent: too late for its claim")
        result = await messenger.deliver_traceably(handle, answer)
        if result.outcome is not Outcome.REFUSED:
            return result
        # Before it goes another way: a trace would find nothing and have it sent twice.
        if await self._unmark(claim):
            return await messenger.deliver(handle, claim.via, answer)
        return replace(result, outcome=Outcome.RETRY)

    async def _unmark(self, claim: DeliveryClaim) -> bool:
        with contextlib.suppress(*DATABASE_ERRORS):
            async with self._autocommit.connect() as connection:
                return await reconciliation.unmark(connection, claim)
        return False

    def _holding(self, turn: Row[Any], *, partial: str) -> Answer:
        """The callback's last chance while the model still writes: what there is, and a button."""
        if partial.strip():
            # Short enough for Kakao's three bubbles to keep the sentence below it.
            text = f"{shorten(partial.rstrip(), PARTIAL_CHARS)}…\n\n{self._texts.held_partial}"
        elif self._presence.model_is_off:
            text = self._texts.worker_down_held
        else:
            text = self._texts.held_ready_soon
        return Answer(turn_id=turn.id, text=text, hold=True)

    def _sentence(self, turn: Row[Any]) -> str:
        """What is said where there is no answer."""
        if turn.status == TurnStatus.MERGED:
            return self._texts.merged
        if turn.status == TurnStatus.EXPIRED:
            return self._texts.expired
        if turn.failure_reason == FailureReason.PROMPT_TOO_LONG:
            return self._texts.prompt_too_long
        return self._texts.failed


def _stands_alone(turn: Row[Any]) -> bool:
    """Whether no earlier answer can be held: only what cannot be pushed ever is."""
    return bool(turn.reply_handle["via"] == DeliveryVia.POST or turn.seq == 1)


def _next_state(
    claim: DeliveryClaim, result: DeliveryResult, handle: ReplyHandle, *, held: bool
) -> tuple[DeliveryState, float]:
    """What the outcome makes of the delivery, and in how many seconds to try again."""
    by_callback = claim.via is DeliveryVia.CALLBACK
    if result.outcome is Outcome.DELIVERED:
        return (DeliveryState.HELD if held else DeliveryState.DELIVERED), 0.0
    if result.outcome is Outcome.RETRY and claim.attempts < deliveries.MAX_ATTEMPTS:
        backoff_s = min(2.0 ** (claim.attempts - 1), BACKOFF_MAX_S)
        retry_in_s = max(result.retry_after_s or 0.0, backoff_s)
        if not by_callback or _callback_lasts(handle, retry_in_s):
            return DeliveryState.PENDING, retry_in_s
    if by_callback:
        return DeliveryState.HELD, 0.0
    if result.outcome is Outcome.UNCONFIRMED:
        return DeliveryState.UNCONFIRMED, 0.0
    return DeliveryState.FAILED, 0.0


def _callback_lasts(handle: ReplyHandle, for_s: float) -> bool:
    """Whether the callback URL can still be used then; the budget ends before the URL does."""
    until = handle.callback_until
    return (
        until is not None and datetime.now(UTC) + timedelta(seconds=for_s) < until + CALLBACK_GRACE
    )
