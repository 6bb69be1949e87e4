"""The Answer of a turn: the model's text, its first part so far, or a sentence in its place."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncEngine

from bot.configs.texts import ScopedTexts
from bot.domain.bot_config import ConfigLookup, nothing_set
from bot.domain.deliveries import Answer
from bot.domain.turns import SETTLED, TurnStatus, has_visible
from bot.observability.database_errors import report_database_error
from bot.store import deliveries
from bot.store.turn_outcomes import TurnOutcome
from bot.text.catalog import Texts
from bot.text.fences import shorten_markdown, with_ellipsis
from bot.workers import WorkerRegistry
from inference_queue.client import JobQueue
from inference_queue.protocol import FailureReason
from runtime.database import DATABASE_ERRORS
from runtime.direct import AnyConnection, connect_directly

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
        config_for: ConfigLookup = nothing_set,
    ) -> None:
        """``texts`` and ``ai_notice`` count where the database sets nothing for a scope."""
        self._database = database
        self._scoped_texts = ScopedTexts(texts, config_for)
        self._queue = queue
        self._workers = workers
        self._ai_notice = ai_notice
        self._config_for = config_for

    async def settled(
        self, connection: AnyConnection, turn: TurnOutcome, *, expiry_notices: bool = True
    ) -> Answer:
        """The answer of a settled turn, with held answers to offer and expiry notices."""
        bare = self.bare(turn)
        if not turn.has_additions:
            return bare
        earlier, expired = await deliveries.additions(connection, turn.conversation_id, turn.seq)
        told = tuple(expired) if expiry_notices else ()
        return replace(bare, earlier=tuple(earlier), expired=told) if earlier or told else bare

    async def due(self, turn: TurnOutcome) -> Answer:
        """The answer of a due turn; its holding text if the turn is not settled."""
        try:
            return await self._full(turn)
        except DATABASE_ERRORS as error:
            # The claim is still ours: the answer goes out without the additions from the database.
            report_database_error("present", error, [turn.id])
        return self.bare(turn) if turn.status in SETTLED else self._holding(turn, partial="")

    async def _full(self, turn: TurnOutcome) -> Answer:
        settled = turn.status in SETTLED
        if settled and not turn.has_additions:
            return self.bare(turn)
        if not settled and turn.job_id is None:
            return self._holding(turn, partial="")
        async with connect_directly(self._database) as connection:
            if settled or turn.job_id is None:
                return await self.settled(connection, turn)
            partial = await self._queue.partial(connection, turn.job_id)
            return self._holding(turn, partial=partial)

    def bare(self, turn: TurnOutcome) -> Answer:
        """The answer of a settled turn alone, with the texts that are set now."""
        stopped = turn.status is TurnStatus.CANCELLED and bool(turn.answer)
        answered = turn.status is TurnStatus.ANSWERED or stopped
        notice = answered and not turn.answered_before and self._shows_notice(turn)
        return Answer(
            turn_id=turn.id,
            text=self._answer(turn) if answered else self._sentence(turn),
            answered=answered,
            truncated=answered and turn.truncated,
            stopped=stopped,
            begins_anew=turn.begins_anew,
            ai_notice=notice,
            ai_notice_text=self._texts(turn).ai_notice if notice else "",
        )

    def _shows_notice(self, turn: TurnOutcome) -> bool:
        chosen = self._config_for(turn.messenger, turn.tenant, turn.room).values.ai_notice
        return self._ai_notice if chosen is None else chosen

    def _texts(self, turn: TurnOutcome) -> Texts:
        return self._scoped_texts.for_scope(turn.messenger, turn.tenant, turn.room)

    def _answer(self, turn: TurnOutcome) -> str:
        texts = self._texts(turn)
        notes = [texts.repetition_note] if turn.repeats else []
        if turn.status is TurnStatus.CANCELLED:
            notes.append(texts.stopped_note)
        answer = turn.answer or ""
        return "\n\n".join([answer if has_visible(answer) else texts.failed, *notes])

    def _holding(self, turn: TurnOutcome, *, partial: str) -> Answer:
        """At the callback's end, before the model has finished: the text so far, and a button."""
        if partial.strip():
            shown = shorten_markdown(with_ellipsis(partial.rstrip()), PARTIAL_CHARS)
            text = f"{shown}\n\n{self._texts(turn).held_partial}"
        elif self._workers.model_is_off:
            left = turn.reply_handle.expires_at - datetime.now(UTC)
            limit = self._texts(turn).duration(max(left.total_seconds(), 0.0))
            text = self._texts(turn).worker_down_held.format(limit=limit)
        else:
            text = self._texts(turn).held_ready_soon
        return Answer(turn_id=turn.id, text=text, hold=True)

    def _sentence(self, turn: TurnOutcome) -> str:
        """The sentence in place of a missing answer."""
        texts = self._texts(turn)
        if turn.status is TurnStatus.MERGED:
            return texts.merged
        if turn.status is TurnStatus.EXPIRED:
            return texts.expired
        if turn.status is TurnStatus.CANCELLED:
            return texts.cancelled
        if turn.failure_reason is FailureReason.PROMPT_TOO_LONG:
            return texts.prompt_too_long
        if turn.failure_reason is FailureReason.NO_VISION:
            return texts.media_unsupported
        return texts.failed
