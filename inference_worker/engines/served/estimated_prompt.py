"""The messages as an external server gets them: fitted by an estimate, free of control tokens.

The server has the tokenizer, so tokens are estimated here, on the safe side. Where the worker has
the tokenizer as well, token_id_prompt.py makes the prompt.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from inference_queue.protocol import Job, Message
from inference_worker.prompt.chat_template import KNOWN_MARKERS, neutralise
from inference_worker.prompt.context_window import drop_oldest, join_turns, split_turns

#: Llama-3 takes about 0.5 token for a character of Korean prose; the rest is safety.
TOKENS_PER_CHARACTER = 0.75
#: Header, role and end-of-turn of one message in the chat template.
TOKENS_PER_MESSAGE = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """The messages that are sent, and the tokens left for the answer."""

    messages: tuple[Message, ...]
    max_new_tokens: int
    dropped: int = 0  #: oldest messages left out
    halved: bool = False
    ids: tuple[int, ...] = ()  #: the same as token ids, where the worker has the tokenizer

    def chat(self) -> list[dict[str, str]]:
        """The messages as JSON, with every control string in them broken."""
        return [{"role": m.role.value, "content": _neutral(m.content)} for m in self.messages]

    def llama3(self) -> str:
        """The Llama-3 chat template as text, without BOS: the server puts that itself."""
        turns = (
            f"<|start_header_id|>{m.role.value}<|end_header_id|>\n\n"
            f"{_neutral(m.content.strip())}<|eot_id|>"
            for m in self.messages
        )
        return "".join(turns) + "<|start_header_id|>assistant<|end_header_id|>\n\n"

    def half(self) -> Prompt | None:
        """The same without the older half of the history; None if halved before, or without one."""
        system, turns = split_turns(self.messages)
        history = len(turns) - 1
        if self.halved or self.ids or history == 0:
            return None
        kept = join_turns(system, turns[math.ceil(history / 2) :])
        dropped = self.dropped + len(self.messages) - len(kept)
        return replace(self, messages=tuple(kept), dropped=dropped, halved=True)


def fit(job: Job, *, context_window: int | None, max_input: int | None = None) -> Prompt:
    """Drop the oldest whole turns until the rest fits by estimate; system and newest stay.

    ``context_window``: tokens of prompt and answer together; ``max_input``: of the prompt alone.
    """
    wanted = job.sampling.max_new_tokens
    if context_window is None:
        return Prompt(messages=job.messages, max_new_tokens=wanted)
    budget = context_window - min(wanted, context_window // 2)
    fitted = drop_oldest(job.messages, min(budget, max_input or budget), _estimate_tokens)
    # A message that is too long on its own is for the server to judge: the estimate errs high.
    room = max(context_window - _estimate_tokens(fitted.messages), context_window // 8, 1)
    return Prompt(
        messages=fitted.messages, max_new_tokens=min(wanted, room), dropped=fitted.dropped
    )


def _estimate_tokens(messages: Sequence[Message]) -> int:
    return sum(
        math.ceil(len(m.content) * TOKENS_PER_CHARACTER) + TOKENS_PER_MESSAGE for m in messages
    )


def _neutral(text: str) -> str:
    return neutralise(text, KNOWN_MARKERS)
