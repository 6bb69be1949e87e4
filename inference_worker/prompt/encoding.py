"""Messages to the token ids that fit, for engines that have the model's tokenizer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from jinja2 import TemplateError

from inference_queue.protocol import FailureReason, Job, Message
from inference_worker.errors import EngineError
from inference_worker.prompt.context_window import Fitted, fit, prompt_budget
from inference_worker.prompt.open_answer import opened


class Template(Protocol):
    """Messages to the token ids of a prompt."""

    def encode(self, messages: Sequence[Message]) -> list[int]:
        """The token ids."""

    def count(self, messages: Sequence[Message]) -> int:
        """How many they are."""


def fit_and_encode(
    template: Template, job: Job, *, window: int, max_new_tokens: int, goes_on: bool
) -> tuple[Fitted, list[int]]:
    """The messages that fit beside the answer, and their token ids. Raises EngineError.

    ``goes_on``: a job that continues leaves its answer open.
    """
    messages = opened(job) if job.continues and goes_on else job.messages
    try:
        fitted = fit(messages, prompt_budget(window, max_new_tokens), template.count)
        return fitted, template.encode(fitted.messages)
    except TemplateError as error:
        raise EngineError(
            FailureReason.INVALID_JOB,
            f"the model's chat template refuses the messages: {error}",
        ) from error


def check_plain(ids: Sequence[int], *, vocabulary: int, window: int) -> None:
    """Raises EngineError for a text without a chat template that the model cannot go on with."""
    if not ids:
        raise EngineError(FailureReason.INVALID_JOB, "the prompt is empty")
    if not all(0 <= number < vocabulary for number in ids):
        sentence = f"the prompt holds a token id that the model lacks: it has 0 to {vocabulary - 1}"
        raise EngineError(FailureReason.INVALID_JOB, sentence)
    if len(ids) >= window:
        sentence = f"the prompt takes {len(ids)} tokens, and prompt and answer together {window}"
        raise EngineError(FailureReason.PROMPT_TOO_LONG, sentence)
