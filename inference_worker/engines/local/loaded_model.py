"""A model that is loaded and running: from a job to the request for its scheduler."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from inference_queue.presets import PRESETS
from inference_queue.protocol import Job
from inference_worker.answer.answer_text import AnswerText
from inference_worker.answer.reasoning import ThinkingHabit
from inference_worker.engines.base import ModelCard, PlainRequest
from inference_worker.engines.local.request import Event, Request
from inference_worker.prompt.chat_template import ChatTemplate
from inference_worker.prompt.context_window import Fitted
from inference_worker.prompt.encoding import check_plain, fit_and_encode
from inference_worker.prompt.open_answer import split_open

if TYPE_CHECKING:
    from inference_worker.engines.local.scheduler import Scheduler

log = structlog.get_logger(__name__)


def context_window(card: ModelCard) -> int:
    """Tokens of prompt and answer together; the preset's where the model does not say."""
    return card.context_window or PRESETS[card.preset].context_window


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedModel:
    """The model's parts. ``max_new_tokens`` caps every answer; None: only the job does."""

    card: ModelCard
    template: ChatTemplate
    scheduler: Scheduler
    max_new_tokens: int | None
    habit: ThinkingHabit

    @property
    def vocabulary(self) -> int:
        """How many token ids there are."""
        return self.scheduler.batch.vocabulary

    @property
    def window(self) -> int:
        """Tokens that one sequence may take, for which there is memory."""
        return min(context_window(self.card), self.scheduler.batch.budget)

    def encode(self, job: Job) -> tuple[Fitted, list[int]]:
        """The messages that fit, and their token ids. Raises EngineError. Blocks."""
        fitted, prompt = fit_and_encode(
            self.template,
            job,
            window=self.window,
            max_new_tokens=self._max_answer(job),
            goes_on=self.habit.begins_inside is False,
        )
        if fitted.dropped or fitted.cut_chars:
            log.info(
                "prompt_fitted",
                job=str(job.id),
                dropped_messages=fitted.dropped,
                cut_chars=fitted.cut_chars,
            )
        return fitted, prompt

    def answer_to(self, fitted: Fitted, repetition_chars: int) -> AnswerText:
        """Reads the answer to these messages; ``repetition_chars`` as in AnswerText."""
        _, before = split_open(fitted.messages)
        return AnswerText(self.habit, repetition_chars=repetition_chars, before=before)

    def encode_plain(self, plain: PlainRequest) -> tuple[Fitted, list[int]]:
        """The text's token ids, with nothing left out. Raises EngineError. Blocks."""
        given = plain.prompt
        ids = self.template.encode_text(given) if isinstance(given, str) else list(given)
        check_plain(ids, vocabulary=self.vocabulary, window=self.window)
        return Fitted(messages=()), ids

    def request(
        self,
        job: Job | PlainRequest,
        prompt: list[int],
        *,
        deadline: float,
        events: asyncio.Queue[Event],
    ) -> Request:
        """The request for the scheduler, whose thread puts its events into the queue."""
        loop = asyncio.get_running_loop()

        def publish(event: Event) -> None:
            try:
                loop.call_soon_threadsafe(events.put_nowait, event)
            except RuntimeError:  # the loop is closed: nobody reads any more
                request.cancelled = True

        request = Request(
            prompt=prompt,
            sampling=job.sampling,
            max_new_tokens=min(self._max_answer(job), self.window - len(prompt)),
            publish=publish,
            cache_key=job.cache_key if isinstance(job, Job) else "",
            deadline=deadline,
        )
        return request

    def _max_answer(self, job: Job | PlainRequest) -> int:
        wanted = job.sampling.max_new_tokens
        return min(wanted, self.max_new_tokens or wanted)
