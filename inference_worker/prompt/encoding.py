"""Messages to the token ids that fit, for engines that have the model's tokenizer."""

from __future__ import annotations

from collections.abc import Sequence

from jinja2 import TemplateError

from inference_queue.protocol import FailureReason, Message
from inference_worker.errors import EngineError
from inference_worker.prompt.chat_template import ChatTemplate
from inference_worker.prompt.context_window import Fitted, fit, prompt_budget


def fit_and_encode(
    template: ChatTemplate, messages: Sequence[Message], *, window: int, max_new_tokens: int
) -> tuple[Fitted, list[int]]:
    """The messages that fit beside the answer, and their token ids. Raises EngineError."""
    try:
        fitted = fit(messages, prompt_budget(window, max_new_tokens), template.count)
        return fitted, template.encode(fitted.messages)
    except TemplateError as error:
        raise EngineError(
            FailureReason.INVALID_JOB,
            f"the model's chat template refuses the messages: {error}",
        ) from error
