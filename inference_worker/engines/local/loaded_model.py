"""A model that is loaded and running: from a job to the request for its scheduler."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog

from inference_queue.presets import PRESETS
from inference_queue.protocol import FailureReason, Job, Picture
from inference_worker.answer.answer_text import AnswerText
from inference_worker.answer.reasoning import ThinkingHabit
from inference_worker.engines.base import ModelCard, PlainRequest
from inference_worker.engines.local.model_thread import ModelThread
from inference_worker.engines.local.request import Event, Request
from inference_worker.errors import EngineError
from inference_worker.prompt.chat_template import ChatTemplate
from inference_worker.prompt.context_window import Fitted, prompt_budget
from inference_worker.prompt.encoding import check_plain, fit_and_encode
from inference_worker.prompt.open_answer import split_open
from inference_worker.prompt.visual_tokens import WithPictures

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from inference_worker.engines.local.vision import Pixels, Reader

log = structlog.get_logger(__name__)


def context_window(card: ModelCard) -> int:
    """Tokens of prompt and answer together; the preset's where the model does not say."""
    return card.context_window or PRESETS[card.preset].context_window


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """A job's prompt: what of its messages fits, as tokens, and the pixels of its pictures."""

    fitted: Fitted
    ids: list[int]
    pixels: list[Pixels] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedModel:
    """The model's parts. ``max_new_tokens`` caps every answer; None: only the job does.

    ``reader`` is of a model that sees.
    """

    card: ModelCard
    template: ChatTemplate
    scheduler: ModelThread
    max_new_tokens: int | None
    habit: ThinkingHabit
    reader: Reader | None = None

    @property
    def tokenizer(self) -> Tokenizer:
        """The model's tokenizer."""
        return self.scheduler.tokenizer

    @property
    def vocabulary(self) -> int:
        """How many token ids there are."""
        return self.scheduler.vocabulary

    @property
    def window(self) -> int:
        """Tokens that one sequence may take, for which there is memory."""
        return min(context_window(self.card), self.scheduler.budget)

    def encode(self, job: Job) -> Encoded:
        """The messages that fit, and their token ids. Raises EngineError. Blocks."""
        pixels = self._read_pictures(job)
        sizes = {picture: one.tokens for picture, one in pixels.items()}
        fitted, prompt = fit_and_encode(
            WithPictures(self.template, sizes) if sizes else self.template,
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
        shown = [picture for message in fitted.messages for picture in message.pictures]
        return Encoded(fitted=fitted, ids=prompt, pixels=[pixels[picture] for picture in shown])

    def _read_pictures(self, job: Job) -> dict[Picture, Pixels]:
        if self.reader is None or not job.has_pictures:
            return {}
        pictures = [picture for message in job.messages for picture in message.pictures]
        pixels = {picture: self.reader.read(picture) for picture in pictures}
        tokens = sum(pixels[picture].tokens for picture in pictures)
        if tokens >= (budget := prompt_budget(self.window, self._max_answer(job))):
            sentence = f"the pictures take {tokens} tokens, of {budget} that a prompt may have"
            raise EngineError(FailureReason.PROMPT_TOO_LONG, sentence)
        return pixels

    def answer_to(self, fitted: Fitted, repetition_chars: int) -> AnswerText:
        """Reads the answer to these messages; ``repetition_chars`` as in AnswerText."""
        _, before = split_open(fitted.messages)
        return AnswerText(self.habit, repetition_chars=repetition_chars, before=before)

    def encode_plain(self, plain: PlainRequest) -> Encoded:
        """The text's token ids, with nothing left out. Raises EngineError. Blocks."""
        given = plain.prompt
        ids = self.template.encode_text(given) if isinstance(given, str) else list(given)
        check_plain(ids, vocabulary=self.vocabulary, window=self.window)
        return Encoded(fitted=Fitted(messages=()), ids=ids)

    def request(
        self,
        job: Job | PlainRequest,
        prompt: Encoded,
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
            prompt=prompt.ids,
            sampling=job.sampling,
            max_new_tokens=min(self._max_answer(job), self.window - len(prompt.ids)),
            publish=publish,
            cache_key=_cache_key(job) if isinstance(job, Job) else "",
            adapter=job.adapter if job.adapter in self.card.adapters else "",
            deadline=deadline,
            unseen=prompt.pixels,
        )
        return request

    def _max_answer(self, job: Job | PlainRequest) -> int:
        wanted = job.sampling.max_new_tokens
        return min(wanted, self.max_new_tokens or wanted)


def _cache_key(job: Job) -> str:
    """The conversation with its adapter: another one computes other keys and values."""
    return f"{job.adapter}+{job.cache_key}" if job.adapter and job.cache_key else job.cache_key
