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
