"""The Answer of a turn: the model's text, its first part so far, or a sentence in its place."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bot.domain.deliveries import Answer, DeliveryVia
from bot.domain.turns import SETTLED, TurnStatus
from bot.observability.database_errors import report_database_error
from bot.store import deliveries
from bot.store.turn_outcomes import TurnOutcome
from bot.text.catalog import Texts
from bot.text.fences import shorten_markdown, with_ellipsis
from bot.workers import WorkerRegistry
from inference_queue.client import JobQueue
from inference_queue.protocol import FailureReason
from runtime.database import DATABASE_ERRORS

#: Short enough for Kakao's three bubbles to keep the sentence below it.
PARTIAL_CHARS = 2400


class AnswerPresenter:
    """Composes Answers. Read-only: shown expiry notices are recorded with the outcome."""

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
        self, connection: AsyncConnection, turn: TurnOutcome, *, expiry_notices: bool = True
    ) -> Answer:
        """The answer of a settled turn, with held answers to offer and expiry notices."""
        bare = self._bare(turn)
        if _stands_alone(turn):
            return bare
        earlier = await deliveries.earlier_held(connection, turn.conversation_id, turn.seq)
        if not expiry_notices:
            return replace(bare, earlier=tuple(earlier))
        expired = await deliveries.expired_untold(connection, turn.conversation_id)
        return replace(bare, earlier=tuple(earlier), expired=tuple(expired))

    async def due(self, turn: TurnOutcome) -> Answer:
        """The answer of a due turn; its holding text if the turn is not settled."""
        try:
            return await self._full(turn)
        except DATABASE_ERRORS as error:
            # The claim is still ours: the answer goes out without the additions from the database.
            report_database_error("present", error, [turn.id])
        return self._bare(turn) if turn.status in SETTLED else self._holding(turn, partial="")

    async def _full(self, turn: TurnOutcome) -> Answer:
        settled = turn.status in SETTLED
        if settled and _stands_alone(turn):
            return self._bare(turn)
        if not settled and turn.job_id is None:
            return self._holding(turn, partial="")
        async with self._autocommit.connect() as connection:
            if settled or turn.job_id is None:
                return await self.settled(connection, turn)
            partial = await self._queue.partial(connection, turn.job_id)
            return self._holding(turn, partial=partial)

    def _bare(self, turn: TurnOutcome) -> Answer:
        stopped = turn.status is TurnStatus.CANCELLED and bool(turn.answer)
        answered = turn.status is TurnStatus.ANSWERED or stopped
        tells_of_ai = answered and not turn.answered_before and self._ai_notice
        return Answer(
            turn_id=turn.id,
            text=self._answer(turn) if answered else self._sentence(turn),
            answered=answered,
            truncated=answered and turn.truncated,
            stopped=stopped,
            begins_anew=turn.begins_anew,
            ai_notice=tells_of_ai,
            notice_version=self._texts.notice_version if tells_of_ai else "",
        )

    def _answer(self, turn: TurnOutcome) -> str:
        notes = [self._texts.repetition_note] if turn.repeats else []
        if turn.status is TurnStatus.CANCELLED:
            notes.append(self._texts.stopped_note)
        return "\n\n".join([turn.answer or "", *notes])

    def _holding(self, turn: TurnOutcome, *, partial: str) -> Answer:
        """At the callback's end, before the model has finished: the text so far, and a button."""
        if partial.strip():
            shown = shorten_markdown(with_ellipsis(partial.rstrip()), PARTIAL_CHARS)
            text = f"{shown}\n\n{self._texts.held_partial}"
        elif self._workers.model_is_off:
            left = turn.reply_handle.expires_at - datetime.now(UTC)
            limit = self._texts.duration(max(left.total_seconds(), 0.0))
            text = self._texts.worker_down_held.format(limit=limit)
        else:
            text = self._texts.held_ready_soon
        return Answer(turn_id=turn.id, text=text, hold=True)

    def _sentence(self, turn: TurnOutcome) -> str:
        """The sentence in place of a missing answer."""
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
    """Whether no earlier answer can be held: posted answers never are, and turn 1 has none."""
    return turn.reply_handle.via is DeliveryVia.POST or turn.seq == 1
