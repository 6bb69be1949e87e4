"""Messages to the token ids that fit, for engines that have the model's tokenizer."""

from __future__ import annotations

from collections.abc import Sequence

from jinja2 import TemplateError

from inference_queue.protocol import FailureReason, Job, Message
from inference_worker.errors import EngineError
from inference_worker.prompt.chat_template import ChatTemplate
from inference_worker.prompt.context_window import Fitted, fit, prompt_budget


def fit_and_encode(
    template: ChatTemplate, job: Job, *, window: int, max_new_tokens: int, goes_on: bool
) -> tuple[Fitted, list[int]]:
    """The messages that fit beside the answer, and their token ids. Raises EngineError.

    ``goes_on``: a job that continues may leave its answer open. It does not where the question
    alone is too long: then the request to go on is answered.
    """
    budget = prompt_budget(window, max_new_tokens)
    if job.continues and goes_on:
        try:
            return _encoded(template, job.messages[:-1], budget)
        except EngineError as error:
            if error.failure.reason is not FailureReason.PROMPT_TOO_LONG:
                raise
    return _encoded(template, job.messages, budget)


def _encoded(
    template: ChatTemplate, messages: Sequence[Message], budget: int
) -> tuple[Fitted, list[int]]:
    try:
        fitted = fit(messages, budget, template.count)
        return fitted, template.encode(fitted.messages)
    except TemplateError as error:
        raise EngineError(
            FailureReason.INVALID_JOB,
            f"the model's chat template refuses the messages: {error}",
        ) from error
