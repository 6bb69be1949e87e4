"""The messages as an external server gets them: fitted by an estimate, free of control tokens.

The server has the tokenizer, so tokens are estimated here, on the safe side. Where the worker has
the tokenizer as well, token_id_prompt.py makes the prompt.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from inference_queue.protocol import Message
from inference_worker.engines.served.refused_size import RefusedSize
from inference_worker.prompt.chat_template import KNOWN_MARKERS, neutralise
from inference_worker.prompt.context_window import Turn, drop_oldest, join_turns, split_turns
from inference_worker.prompt.open_answer import is_open, split_open

#: Llama-3 takes about 0.5 token for a character of Korean prose; the rest is safety.
TOKENS_PER_CHARACTER = 0.75
#: Measured with Llama-3's tokenizer: single jamo 1.4, emoji and their joiners 2.7.
TOKENS_PER_JAMO = 1.5
TOKENS_PER_SYMBOL = 3.0
_JAMO = re.compile("[\u1100-\u11ff\u3130-\u318f\ua960-\ua97f\ud7b0-\ud7ff]+")
_SYMBOLS = re.compile("[\u200d\u2190-\u2bff\ufe00-\ufe0f\U00010000-\U0010ffff]+")
#: Header, role and end-of-turn of one message in the chat template.
TOKENS_PER_MESSAGE = 8
#: Of at most 1,024 x 1,024 pixels: Qwen2.5-VL takes one token for 28 x 28 of them, 1,369 in all,
#: Gemma 3 always 256, Llama 3.2 Vision 1,601.
TOKENS_PER_PICTURE = 1601
#: A shorter answer is useless.
MIN_ANSWER_TOKENS = 32
#: The messages that are kept may be denser than those that are dropped.
ROUNDING = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """The messages that are sent, and the tokens left for the answer."""

    messages: tuple[Message, ...]
    max_new_tokens: int
    dropped: int = 0  #: oldest messages left out
    cut_chars: int = 0  #: code points cut from the newest message
    markers: tuple[str, ...] = KNOWN_MARKERS  #: control strings that are broken in the messages
    ids: tuple[int, ...] = ()  #: the same as token ids, where the worker has the tokenizer
    text: str = ""  #: instead of messages: a plain text to go on with

    @property
    def is_plain(self) -> bool:
        """Whether the model goes on with a text, and not with a chat."""
        return not self.messages

    @property
    def goes_on(self) -> bool:
        """Whether the model goes on in an open answer."""
        return is_open(self.messages)

    def chat(self) -> list[dict[str, Any]]:
        """The messages as JSON, with every control string in them broken.

        A content with pictures is a list of parts, as in OpenAI's chat API.
        """
        return [{"role": m.role.value, "content": self._content(m)} for m in self.messages]

    def _content(self, message: Message) -> str | list[dict[str, Any]]:
        text = neutralise(message.content, self.markers)
        if not message.pictures:
            return text
        urls = (f"data:{one.media_type};base64,{one.data}" for one in message.pictures)
        pictures = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
        return [{"type": "text", "text": text}, *pictures]

    def llama3(self) -> str:
        """The Llama-3 chat template as text, without BOS: the server puts that itself."""
        before, written = split_open(self.messages)
        turns = (
            f"<|start_header_id|>{m.role.value}<|end_header_id|>\n\n"
            f"{neutralise(m.content.strip(), self.markers)}<|eot_id|>"
            for m in before
        )
        header = "<|start_header_id|>assistant<|end_header_id|>\n\n"
        return "".join(turns) + header + neutralise(written, self.markers)

    def shorter(self, size: RefusedSize) -> Prompt | None:
        """A prompt to try once the server refused this one; None where there is none left.

        By the server's own count where it gives one; otherwise without the older half of the
        history. The answer's room is cut last: only a question too long by itself is refused.
        """
        system, turns = split_turns(self.messages)
        history = len(turns) - 1
        if history > 0:
            kept = self._within(size) or turns[math.ceil(history / 2) :]
            messages = tuple(join_turns(system, kept))
            dropped = self.dropped + len(self.messages) - len(messages)
            return replace(self, messages=messages, dropped=dropped)
        room = self.max_new_tokens // 4
        if size.given and size.allowed:
            room = min(size.allowed - size.given - 1, self.max_new_tokens - 1)
        return replace(self, max_new_tokens=room) if room >= MIN_ANSWER_TOKENS else None

    def _within(self, size: RefusedSize) -> list[Turn]:
        """The newest turns that fit by the server's count of all; none where that says nothing."""
        if not (size.given and size.allowed):
            return []
        budget = size.allowed - min(self.max_new_tokens, size.allowed // 4)
        share = budget / size.given * ROUNDING
        fitted = drop_oldest(
            self.messages, int(_estimate_tokens(self.messages) * share), _estimate_tokens
        )
        return split_turns(fitted.messages)[1] if fitted.dropped else []


def fit(
    messages: Sequence[Message],
    wanted: int,
    *,
    context_window: int | None,
    max_input: int | None = None,
) -> Prompt:
    """Drop the oldest whole turns until the rest fits by estimate; system and newest stay.

    ``wanted``: tokens of the answer. ``context_window``: tokens of prompt and answer together;
    ``max_input``: of the prompt alone.
    """
    if context_window is None:
        return Prompt(messages=tuple(messages), max_new_tokens=wanted)
    budget = context_window - min(wanted, context_window // 2)
    taken, kept = _estimate_tokens(messages), tuple(messages)
    if taken > min(budget, max_input or budget):
        kept = drop_oldest(messages, min(budget, max_input or budget), _estimate_tokens).messages
        taken = _estimate_tokens(kept)
    # A message that is too long on its own is for the server to judge: the estimate errs high.
    room = max(context_window - taken, context_window // 8, 1)
    dropped = len(messages) - len(kept)
    return Prompt(messages=kept, max_new_tokens=min(wanted, room), dropped=dropped)


def _estimate_tokens(messages: Sequence[Message]) -> int:
    return sum(
        _estimate(m.content) + len(m.pictures) * TOKENS_PER_PICTURE + TOKENS_PER_MESSAGE
        for m in messages
    )


def _estimate(text: str) -> int:
    jamo, symbols = _count(_JAMO, text), _count(_SYMBOLS, text)
    rest = len(text) - jamo - symbols
    return math.ceil(
        rest * TOKENS_PER_CHARACTER + jamo * TOKENS_PER_JAMO + symbols * TOKENS_PER_SYMBOL
    )


def _count(characters: re.Pattern[str], text: str) -> int:
    return sum(map(len, characters.findall(text)))
