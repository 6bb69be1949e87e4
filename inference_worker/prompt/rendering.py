"""A prompt and a given answer as a trainer would see them, to check data sets.

Rendered by the model's own template and encoded in one go, as TRL does for ``prompt`` and
``completion`` in its conversational format: there a control token's text in a content becomes the
token, which ``markers`` tells of.
"""

from __future__ import annotations

from collections.abc import Sequence

from jinja2 import TemplateError

from inference_queue.background.protocol import Rendering, RenderJob
from inference_queue.protocol import FailureReason, Message, Role
from inference_worker.errors import EngineError
from inference_worker.prompt.chat_template import ChatTemplate


def render(template: ChatTemplate, job: RenderJob) -> Rendering:
    """The whole as text, and how many tokens its two parts take. Raises EngineError. Blocks."""
    exchange = (*job.messages, Message(Role.ASSISTANT, job.completion))
    try:
        prompt = template.as_trained(job.messages, is_open=True)
        whole = template.as_trained(exchange, is_open=False)
    except TemplateError as error:
        sentence = f"the model's chat template refuses the messages: {error}"
        raise EngineError(FailureReason.INVALID_JOB, sentence) from error
    prompt_ids, ids = template.encode_as_trained(prompt), template.encode_as_trained(whole)
    return Rendering(
        text=whole,
        prompt_tokens=len(prompt_ids),
        completion_tokens=max(len(ids) - len(prompt_ids), 0),
        is_consistent=ids[: len(prompt_ids)] == prompt_ids,
        markers=_markers(template, exchange),
    )


def _markers(template: ChatTemplate, messages: Sequence[Message]) -> tuple[str, ...]:
    found = (marker for message in messages for marker in template.markers_in(message.content))
    return tuple(dict.fromkeys(found))
