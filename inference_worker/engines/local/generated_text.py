"""The chunks of one answer on their way out of the scheduler, and its times."""

from __future__ import annotations

import time

from inference_queue.protocol import FinishReason
from inference_worker.answer.answer_text import AnswerText
from inference_worker.answer.raw_text import RawText
from inference_worker.engines.base import Delta
from inference_worker.engines.local.request import Finished


class GeneratedText:
    """Hands out what people may see of an answer. ``started``: on the clock of time.monotonic."""

    def __init__(self, answer: AnswerText | RawText, started: float) -> None:
        self.answer = answer
        self.first_token_ms: float | None = None
        self.ids: list[int] = []  #: the tokens so far
        self._started = started
        self._tokens = 0
        self._unshown_tokens = 0

    @property
    def is_over(self) -> bool:
        """Whether the model is to be stopped: it repeats itself."""
        return self.answer.loops

    def take(self, delta: Delta) -> Delta | None:
        """Add a chunk; the visible one, if any."""
        if self.first_token_ms is None:
            self.first_token_ms = self.elapsed_ms()
        self._tokens += delta.tokens
        self.ids += delta.ids
        self._unshown_tokens += delta.tokens
        return self._shown(self.answer.push(delta.text))

    def stopped(self) -> Finished:
        """The end of an answer that was stopped here."""
        return Finished(FinishReason.REPETITION, "", self._tokens)

    def flush(self, reason: FinishReason) -> Delta | None:
        """The text that was held back."""
        return self._shown(self.answer.flush(reason))

    def elapsed_ms(self) -> float:
        """Milliseconds since the start."""
        return (time.monotonic() - self._started) * 1000

    def _shown(self, text: str) -> Delta | None:
        if not text:
            return None
        tokens, self._unshown_tokens = self._unshown_tokens, 0
        return Delta(text, tokens)
