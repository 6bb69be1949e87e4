"""What the person is shown: the answer, the part of it so far, or a sentence in its place."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bot.domain.deliveries import Answer, DeliveryVia
from bot.domain.turns import SETTLED, TurnStatus
from bot.observability.database_errors import report_database_error
from bot.store import deliveries
from bot.store.turn_outcomes import TurnOutcome
from bot.text.catalog import Texts
from bot.text.splitting import shorten
from bot.workers import WorkerRegistry
from inference_queue.client import JobQueue
from inference_queue.protocol import FailureReason
from runtime.database import DATABASE_ERRORS

#: Short enough for Kakao's three bubbles to keep the sentence below it.
PARTIAL_CHARS = 2400


class AnswerPresenter:
    """Composes Answers. It only reads: what the person was told of is recorded with the outcome."""

    def __init__(
        self,
        *,
        database: AsyncEngine,
        texts: Texts,
        queue: JobQueue,
        workers: WorkerRegistry,
        ai_notice: bool,
    ) -> None:
        self._autocommit = database.execution_options(isolation_level="AUTOCOMMIT")
        self._texts = texts
        self._queue = queue
        self._workers = workers
        self._ai_notice = ai_notice

    async def settled(
        self, connection: AsyncConnection, turn: TurnOutcome, *, tells_expiry: bool = True
    ) -> Answer:
        """The answer of a settled turn, with earlier answers to offer and expiries to tell of."""
        plain = self._plain(turn)
        if _stands_alone(turn):
            return plain
        earlier = await deliveries.earlier_held(connection, turn.conversation_id, turn.seq)
        if not tells_expiry:
            return replace(plain, earlier=tuple(earlier))
        expired = await deliveries.expired_untold(connection, turn.conversation_id)
        return replace(plain, earlier=tuple(earlier), expired=tuple(expired))

    async def due(self, turn: TurnOutcome) -> Answer:
        """What there is to show of a turn that is due, settled or not."""
        try:
            return await self._full(turn)
        except DATABASE_ERRORS as error:
            # The claim still is ours: it goes without what the database would add to it.
            report_database_error("present", error, [turn.id])
        return self._plain(turn) if turn.status in SETTLED else self._holding(turn, partial="")

    async def _full(self, turn: TurnOutcome) -> Answer:
        settled = turn.status in SETTLED
        if settled and _stands_alone(turn):
            return self._plain(turn)
        if not settled and turn.job_id is None:
            return self._holding(turn, partial="")
        async with self._autocommit.connect() as connection:
            if settled or turn.job_id is None:
                return await self.settled(connection, turn)
            partial = await self._queue.partial(connection, turn.job_id)
            return self._holding(turn, partial=partial)

    def _plain(self, turn: TurnOutcome) -> Answer:
        answered = turn.status is TurnStatus.ANSWERED
        return Answer(
            turn_id=turn.id,
            text=turn.answer or "" if answered else self._sentence(turn),
            answered=answered,
            ai_notice=answered and not turn.answered_before and self._ai_notice,
        )

    def _holding(self, turn: TurnOutcome, *, partial: str) -> Answer:
        """At the callback's end while the model still writes: the part so far, and a button."""
        if partial.strip():
            text = f"{shorten(partial.rstrip(), PARTIAL_CHARS)}…\n\n{self._texts.held_partial}"
        elif self._workers.model_is_off:
            text = self._texts.worker_down_held
        else:
            text = self._texts.held_ready_soon
        return Answer(turn_id=turn.id, text=text, hold=True)

    def _sentence(self, turn: TurnOutcome) -> str:
        """The sentence that stands in for a missing answer."""
        if turn.status is TurnStatus.MERGED:
            return self._texts.merged
        if turn.status is TurnStatus.EXPIRED:
            return self._texts.expired
        if turn.status is TurnStatus.CANCELLED:
            return self._texts.cancelled
        if turn.failure_reason is FailureReason.PROMPT_TOO_LONG:
            return self._texts.prompt_too_long
        return self._texts.failed


def _stands_alone(turn: TurnOutcome) -> bool:
    """Whether no earlier answer can be held: only what cannot be pushed ever is."""
    return turn.reply_handle.via is DeliveryVia.POST or turn.seq == 1
