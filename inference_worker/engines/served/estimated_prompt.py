"""The messages as an external server gets them: fitted by an estimate, free of control tokens.

The server has the tokenizer, so tokens are estimated here, on the safe side. Where the worker has
it as well, ids.py makes the prompt.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from inference_queue.protocol import Job, Message, Role
from inference_worker.prompt.chat_template import KNOWN_MARKERS, neutralise

#: Llama-3 takes about 0.5 token for a character of Korean prose; the rest is safety.
TOKENS_PER_CHARACTER = 0.75
#: Header, role and end-of-turn of one message in the chat template.
TOKENS_PER_MESSAGE = 8
#: Where history must go, it goes down to this part of the budget, so that the next few turns
#: begin with the same text and the server can reuse what it computed for them.
KEPT_PART = 0.75


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What is sent: the messages that were kept and the tokens left for the answer."""

    messages: tuple[Message, ...]
    max_new_tokens: int
    dropped: int = 0  #: oldest messages left out
    halved: bool = False
    ids: tuple[int, ...] = ()  #: the same as token ids, where the worker has the tokenizer

    def plain(self) -> list[dict[str, str]]:
        """The messages as JSON, with every control string in them broken."""
        return [{"role": m.role.value, "content": _harmless(m.content)} for m in self.messages]

    def llama3(self) -> str:
        """The Llama-3 chat template as text, without BOS: the server puts that itself."""
        turns = (
            f"<|start_header_id|>{m.role.value}<|end_header_id|>\n\n"
            f"{_harmless(m.content.strip())}<|eot_id|>"
            for m in self.messages
        )
        return "".join(turns) + "<|start_header_id|>assistant<|end_header_id|>\n\n"

    def half(self) -> Prompt | None:
        """The same without the older half of its history; None if that was done, or is none."""
        head, turns, newest = _parts(self.messages)
        if self.halved or self.ids or not turns:
            return None
        kept = _joined(head, turns[math.ceil(len(turns) / 2) :], newest)
        dropped = self.dropped + len(self.messages) - len(kept)
        return replace(self, messages=kept, dropped=dropped, halved=True)


def fit(job: Job, *, context_window: int | None, max_input: int | None = None) -> Prompt:
    """Drop the oldest whole turns until the rest fits by estimate; system and newest stay.

    ``context_window``: tokens of prompt and answer together; ``max_input``: of the prompt alone.
    """
    wanted = job.sampling.max_new_tokens
    if context_window is None:
        return Prompt(messages=job.messages, max_new_tokens=wanted)
    budget = context_window - min(wanted, context_window // 2)
    kept = _fitted(job.messages, min(budget, max_input or budget))
    # A message that is too long on its own is for the server to judge: the estimate errs high.
    room = max(context_window - _estimate_tokens(kept), context_window // 8, 1)
    return Prompt(
        messages=kept,
        max_new_tokens=min(wanted, room),
        dropped=len(job.messages) - len(kept),
    )


def _fitted(messages: tuple[Message, ...], budget: int) -> tuple[Message, ...]:
    if _estimate_tokens(messages) <= budget:
        return messages
    head, turns, newest = _parts(messages)
    while turns and _estimate_tokens(_joined(head, turns, newest)) > budget * KEPT_PART:
        turns = turns[1:]
    return _joined(head, turns, newest)


def _estimate_tokens(messages: tuple[Message, ...]) -> int:
    return sum(
        math.ceil(len(m.content) * TOKENS_PER_CHARACTER) + TOKENS_PER_MESSAGE for m in messages
    )


Turns = list[tuple[Message, ...]]


def _parts(messages: tuple[Message, ...]) -> tuple[tuple[Message, ...], Turns, Message]:
    """Leading system messages; history as whole turns, each from a user's message on; newest."""
    history = messages[:-1]
    systems = next((i for i, m in enumerate(history) if m.role is not Role.SYSTEM), len(history))
    turns: Turns = []
    for message in history[systems:]:
        if message.role is Role.USER or not turns:
            turns.append(())
        turns[-1] += (message,)
    return history[:systems], turns, messages[-1]


def _joined(head: tuple[Message, ...], turns: Turns, newest: Message) -> tuple[Message, ...]:
    return (*head, *(message for turn in turns for message in turn), newest)


def _harmless(text: str) -> str:
    return neutralise(text, KNOWN_MARKERS)
