"""A request in the batch, and its text so far."""

from __future__ import annotations

from tokenizers import Tokenizer

from inference_queue.protocol import FinishReason
from inference_worker.engines.base import Delta
from inference_worker.engines.local.batch_memory import Slot
from inference_worker.engines.local.detokenizer import TextStream
from inference_worker.engines.local.request import Finished, Request


class SequenceOutput:
    """Takes the tokens of one slot and publishes whole characters."""

    def __init__(
        self, request: Request, slot: Slot, tokenizer: Tokenizer, stop_ids: frozenset[int]
    ) -> None:
        self.request = request
        self.slot = slot
        self.reason: FinishReason | None = None  #: set with the last token
        self._text = TextStream(tokenizer, request.sampling.stop)
        self._stop_ids = stop_ids
        self._tokens = 0
        self._unpublished: list[int] = []  # tokens that are in no Delta yet

    def take(self, token: int) -> None:
        """Add a token."""
        self._tokens += 1
        self._unpublished.append(token)
        if token in self._stop_ids:
            self.reason = FinishReason.STOP
            return
        self._publish(self._text.push(token))
        if self._text.stopped:
            self.reason = FinishReason.STOP
        elif self._tokens >= self.request.max_new_tokens:
            self.reason = FinishReason.LENGTH

    def has_ended(self) -> bool:
        """Whether there is nothing more to write. A deadline once reached stays the reason."""
        if self.reason is None and self.request.is_late():
            self.reason = FinishReason.DEADLINE
        return self.reason is not None or self.request.cancelled

    def finish(self) -> None:
        """Publish the held-back text and the end, unless cancelled."""
        if self.reason is not None and not self.request.cancelled:
            self._publish(self._text.flush())
            rest = tuple(self._unpublished)
            sheet = self.slot.sheet
            scores = tuple(sheet.found) if sheet else ()
            end = Finished(self.reason, self._text.text, self._tokens, rest, scores)
            self.request.publish(end)

    def _publish(self, text: str) -> None:
        if text:
            ids, self._unpublished = tuple(self._unpublished), []
            self.request.publish(Delta(text, len(ids), ids))
