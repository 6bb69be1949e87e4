"""What a post means for its message: notices of the bot, and faults of the platform."""

from __future__ import annotations

from collections.abc import Container

from bot.text.catalog import TEXTS
from chaos.journal import Journal, Message
from fakes.faults import Fault

CATALOG = TEXTS["ko"]

_FINAL = {
    CATALOG.failed: "failed",
    CATALOG.expired: "expired",
    CATALOG.prompt_too_long: "prompt too long",
    CATALOG.merged: "merged",
}
_FORBIDDEN = {
    CATALOG.held_expired: "told that a fresh answer is too old",
    CATALOG.held_delivered_already: "told that it has been shown",
}
#: After these the bot cannot know whether the person saw the post.
AMBIGUOUS_FAULTS = frozenset({Fault.TIME_OUT, Fault.CUT, Fault.DROPPED, Fault.SERVER_ERROR})


def final_notices(texts: Container[str]) -> list[str]:
    """The notices among these texts that end a message."""
    return [name for sentence, name in _FINAL.items() if sentence in texts]


def forbidden_notices(texts: Container[str]) -> list[str]:
    """The notices among these texts that must never come."""
    return [name for sentence, name in _FORBIDDEN.items() if sentence in texts]


def record_fault(journal: Journal, message: Message, fault: Fault | None, at: float) -> None:
    """Record what the platform did to a post at ``at``."""
    if fault:
        journal.faults[str(fault)] += 1
    if fault in AMBIGUOUS_FAULTS:
        message.unanswered.append(str(fault))
    if fault is Fault.RATE_LIMITED:
        message.rate_limited_at.append(at)
