"""Fit the messages into the context window by whole turns.

The caller counts tokens: with the model's tokenizer, or by an estimate where a server has it.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from inference_queue.protocol import FailureReason, Message, Role
from inference_worker.errors import EngineError
from inference_worker.prompt.open_answer import is_open

#: Tokens that a prompt of these messages takes.
Count = Callable[[Sequence[Message]], int]
#: A user's message with the answers to it.
Turn = list[Message]

#: The oldest turns are dropped in portions of this share of the budget (see ``drop_oldest``).
PORTION = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """The messages of the prompt, and how much was left out."""

    messages: tuple[Message, ...]
    dropped: int = 0  #: oldest messages left out
    cut_chars: int = 0  #: code points cut from the newest message


def prompt_budget(context_window: int, max_new_tokens: int) -> int:
    """Tokens the prompt may take: what the answer leaves, but at least three quarters.

    For Llama-3-8B and the card's 2048 new tokens both rules say 6144 of 8192.
    """
    return context_window - min(max_new_tokens, context_window // 4)


def fit(messages: Sequence[Message], budget: int, count: Count) -> Fitted:
    """Keep the system prompt and the newest turns within ``budget`` tokens.

    A newest message that does not fit alone is cut at its end; an open answer, which stays with
    its question, at its beginning: the model goes on behind its end. Raises EngineError
    (PROMPT_TOO_LONG) where even an empty one would not fit.
    """
    fitted = drop_oldest(messages, budget, count)
    return fitted if count(fitted.messages) <= budget else _cut_newest(fitted, budget, count)


def drop_oldest(messages: Sequence[Message], budget: int, count: Count) -> Fitted:
    """Drop the oldest whole turns; the system prompt and the newest message stay in any case.

    The excess is rounded up to portions of a quarter of the budget. While a conversation grows by
    the next quarter, the same turns are left out, and the computed prefix can be reused.
    """
    total = count(messages)
    if total <= budget:
        return Fitted(messages=tuple(messages))
    system, turns = split_turns(messages)
    portion = max(1, int(budget * PORTION))
    target = total - math.ceil((total - budget) / portion) * portion

    def newest(start: int) -> list[Message]:
        return join_turns(system, turns[start:])

    start = bisect_left(range(len(turns) - 1), True, key=lambda at: count(newest(at)) <= target)
    kept = newest(start)
    return Fitted(messages=tuple(kept), dropped=len(messages) - len(kept))


def split_turns(messages: Sequence[Message]) -> tuple[list[Message], list[Turn]]:
    """The leading system messages, and the turns after them; the newest message is the last."""
    start = next((i for i, m in enumerate(messages) if m.role is not Role.SYSTEM), len(messages))
    turns: list[Turn] = []
    for message in messages[start:]:
        if message.role is Role.USER or not turns:
            turns.append([])
        turns[-1].append(message)
    return list(messages[:start]), turns


def join_turns(system: Sequence[Message], turns: Sequence[Turn]) -> list[Message]:
    """The messages of the system and of these turns."""
    return [*system, *(message for turn in turns for message in turn)]


def _cut_newest(fitted: Fitted, budget: int, count: Count) -> Fitted:
    *before, newest = fitted.messages
    full, goes_on = len(newest.content), is_open(fitted.messages)

    def kept(length: int) -> tuple[Message, ...]:
        part = slice(full - length, None) if goes_on else slice(length)
        return (*before, replace(newest, content=newest.content[part]))

    if (minimum := count(kept(0))) > budget:
        raise EngineError(
            FailureReason.PROMPT_TOO_LONG,
            f"the prompt takes {minimum} tokens before the newest message, of {budget} there are",
        )
    length = bisect_left(range(1, full), True, key=lambda n: count(kept(n)) > budget)
    return replace(fitted, messages=kept(length), cut_chars=full - length)
