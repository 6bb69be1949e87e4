"""The prompts of a plain completion: texts or token ids, with no chat template around them.

Control tokens in a prompt are read: whoever has a key writes the whole prompt. What people type
belongs into chat completions, where it stays text.
"""

from __future__ import annotations

from inference_queue.protocol import MAX_NEW_TOKENS
from inference_worker.api.chat import MAX_CHARS
from inference_worker.api.fields import Fields, wrong

#: Prompts of one request; each is answered by itself.
MAX_PROMPTS = 32
#: Token ids of one prompt: no context is longer.
MAX_IDS = 200_000
#: OpenAI's default length of a completion, in tokens.
DEFAULT_MAX_TOKENS = min(16, MAX_NEW_TOKENS)

Prompt = str | tuple[int, ...]


def read_prompts(fields: Fields) -> tuple[Prompt, ...]:
    """A text, a list of token ids, or a list of either. Raises ApiError."""
    value = fields.get("prompt")
    if isinstance(value, str) or _is_ids(value):
        value = [value]
    if not isinstance(value, list) or not value:
        raise wrong("prompt", "must be text, a list of token ids, or a list of either")
    if len(value) > MAX_PROMPTS:
        raise wrong("prompt", f"must be at most {MAX_PROMPTS} prompts: send several requests")
    if fields.flag("stream") and len(value) > 1:
        raise wrong("prompt", "must be one prompt where stream is true")
    return tuple(_prompt(one) for one in value)


def _prompt(value: object) -> Prompt:
    if isinstance(value, str):
        if not value:
            raise wrong("prompt", "must not be empty")
        if len(value) > MAX_CHARS:
            raise wrong("prompt", f"has more than {MAX_CHARS} characters: send fewer")
        return value
    if not isinstance(value, list) or not _is_ids(value):
        raise wrong("prompt", "must be text, a list of token ids, or a list of either")
    if len(value) > MAX_IDS:
        raise wrong("prompt", f"has more than {MAX_IDS} tokens: send fewer")
    return tuple(value)


def _is_ids(value: object) -> bool:
    """Whether it is a list of numbers, and not of prompts."""
    return isinstance(value, list) and bool(value) and all(type(one) is int for one in value)
