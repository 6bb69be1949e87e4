"""Answers as OpenAI's clients read them, whole and in chunks.

Beyond OpenAI's fields: vLLM's ``stop_reason`` (here "deadline" or "repetition", where
``finish_reason`` cannot say it), ``prompt_token_ids`` and ``token_ids``, and what the context
window left out of the prompt (``dropped_messages``, ``cut_chars``).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from inference_queue.protocol import Completion, FinishReason
from inference_worker.api.logprobs import of_chat, of_plain
from inference_worker.api.scoring import Scoring
from inference_worker.engines.base import Delta, TokenizedCompletion
from inference_worker.engines.token_scores import ScoredCompletion
from inference_worker.job_runner import storable

Json = dict[str, Any]

_CUT = (FinishReason.LENGTH, FinishReason.DEADLINE)
_OUR_REASONS = (FinishReason.DEADLINE, FinishReason.REPETITION)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """The frame of one answer. ``tells_ids``: with its token ids."""

    model: str
    is_chat: bool
    tells_ids: bool
    scoring: Scoring = field(default_factory=Scoring)
    id: str = field(default_factory=lambda: uuid4().hex)
    created: int = field(default_factory=lambda: int(time.time()))

    def whole(self, completions: Sequence[Completion]) -> Json:
        """The answers of one request, a choice each."""
        choices = [
            {**self._choice(at, self._said(one)), **self._end(one), **self._logprobs(one)}
            for at, one in enumerate(completions)
        ]
        body = {**self._frame(is_chunk=False), "choices": choices, "usage": usage(completions)}
        return {**body, **self._prompt(completions[0])}

    def first(self) -> Json:
        """The chunk before all text: the role."""
        return self._chunk({"delta": {"role": "assistant", "content": ""}})

    def piece(self, delta: Delta) -> Json:
        """A chunk of text."""
        text = storable(delta.text)
        return self._chunk({"delta": {"content": text}} if self.is_chat else {"text": text})

    def last(self, completion: Completion) -> Json:
        """The chunk that says why the answer ended, with all token ids where they are asked for."""
        empty: Json = {"delta": {}} if self.is_chat else {"text": ""}
        chunk = self._chunk({**empty, **self._end(completion)})
        return {**chunk, **self._prompt(completion)}

    def counts(self, completion: Completion) -> Json:
        """The chunk of the token counts."""
        return {**self._frame(is_chunk=True), "choices": [], "usage": usage([completion])}

    def _frame(self, *, is_chunk: bool) -> Json:
        prefix, kind = "cmpl", "text_completion"
        if self.is_chat:
            prefix, kind = "chatcmpl", f"chat.completion{'.chunk' if is_chunk else ''}"
        return {
            "id": f"{prefix}-{self.id}",
            "object": kind,
            "created": self.created,
            "model": self.model,
        }

    def _chunk(self, content: Json) -> Json:
        return {**self._frame(is_chunk=True), "choices": [self._choice(0, content)]}

    def _choice(self, index: int, content: Json) -> Json:
        return {"index": index, "logprobs": None, "finish_reason": None, **content}

    def _said(self, completion: Completion) -> Json:
        text = completion.text
        if not self.is_chat:
            if self.scoring.echoes and isinstance(completion, ScoredCompletion):
                text = completion.prompt_text + text
            return {"text": storable(text)}
        message = {"role": "assistant", "content": storable(text)}
        if completion.reasoning:
            message["reasoning_content"] = storable(completion.reasoning)
        return {"message": message}

    def _logprobs(self, completion: Completion) -> Json:
        if not self.scoring.tells or not isinstance(completion, ScoredCompletion):
            return {}
        if self.is_chat:
            return {"logprobs": of_chat(completion.scores)}
        return {"logprobs": of_plain((*completion.prompt_scores, *completion.scores))}

    def _end(self, completion: Completion) -> Json:
        reason = completion.finish_reason
        end: Json = {"finish_reason": "length" if reason in _CUT else "stop"}
        if reason in _OUR_REASONS:
            end["stop_reason"] = reason.value
        if self.tells_ids and isinstance(completion, TokenizedCompletion):
            end["token_ids"] = completion.ids
        return end

    def _prompt(self, completion: Completion) -> Json:
        left_out: Json = {
            "dropped_messages": completion.dropped_messages,
            "cut_chars": completion.cut_chars,
        }
        if self.tells_ids and isinstance(completion, TokenizedCompletion):
            left_out["prompt_token_ids"] = completion.prompt_ids
        return left_out


def usage(completions: Sequence[Completion]) -> Json:
    """The token counts of these answers together."""
    prompts = sum(one.prompt_tokens for one in completions)
    answers = sum(one.completion_tokens for one in completions)
    return {
        "prompt_tokens": prompts,
        "completion_tokens": answers,
        "total_tokens": prompts + answers,
    }
