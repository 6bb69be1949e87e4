"""Fit the messages into the context window by whole turns, counted by the model's tokenizer."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from inference_queue.protocol import FailureReason, Message, Role
from inference_worker.errors import EngineError

#: Tokens that a prompt of these messages takes.
Count = Callable[[Sequence[Message]], int]

#: The oldest turns leave in portions of this part of the budget (see ``fit``).
PORTION = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """What goes into the prompt, and what did not."""

    messages: tuple[Message, ...]
    dropped: int = 0  #: oldest messages left out
    cut_chars: int = 0  #: code points cut from the end of the newest message


def prompt_budget(context_window: int, max_new_tokens: int) -> int:
    """Tokens the prompt may take: what the answer leaves, but at least three quarters.

    For Llama-3-8B and the card's 2048 new tokens both rules say 6144 of 8192.
    """
    return context_window - min(max_new_tokens, context_window // 4)


def fit(messages: Sequence[Message], budget: int, count: Count) -> Fitted:
    """Keep the system prompt and the newest turns within ``budget`` tokens.

    A turn is a user's message with the answers to it. What is too much is rounded up to portions
    of a quarter of the budget: while a conversation grows by the next quarter, the same turns are
    left out, and the computed prefix of the prompt can be reused. A newest message that does not
    fit alone is cut at its end. Raises EngineError (PROMPT_TOO_LONG) where even an empty one
    would not fit.
    """
    total = count(messages)
    if total <= budget:
        return Fitted(messages=tuple(messages))
    system, turns = _turns(messages)
    portion = max(1, int(budget * PORTION))
    target = total - math.ceil((total - budget) / portion) * portion

    def newest(start: int) -> list[Message]:
        return [*system, *(message for turn in turns[start:] for message in turn)]

    start = bisect_left(range(len(turns) - 1), True, key=lambda at: count(newest(at)) <= target)
    kept = newest(start)
    fitted = Fitted(messages=tuple(kept), dropped=len(messages) - len(kept))
    return fitted if count(kept) <= budget else _cut_newest(fitted, budget, count)


def _turns(messages: Sequence[Message]) -> tuple[list[Message], list[list[Message]]]:
    """The leading system messages, and the turns after them."""
    start = next((i for i, m in enumerate(messages) if m.role is not Role.SYSTEM), len(messages))
    turns: list[list[Message]] = []
    for message in messages[start:]:
        if message.role is Role.USER or not turns:
            turns.append([])
        turns[-1].append(message)
    return list(messages[:start]), turns


def _cut_newest(fitted: Fitted, budget: int, count: Count) -> Fitted:
    *before, newest = fitted.messages

    def head(length: int) -> tuple[Message, ...]:
        return (*before, replace(newest, content=newest.content[:length]))

    if (least := count(head(0))) > budget:
        raise EngineError(
            FailureReason.PROMPT_TOO_LONG,
            f"the prompt takes {least} tokens before the newest message, of {budget} there are",
        )
    full = len(newest.content)
    length = bisect_left(range(1, full), True, key=lambda n: count(head(n)) > budget)
    return replace(fitted, messages=head(length), cut_chars=full - length)
