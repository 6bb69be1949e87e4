"""What the platforms did to posts, as the clients record it."""

from __future__ import annotations

from chaos.journal import Journal, Message
from fakes.faults import Fault

#: After these the bot cannot know whether the person saw the post.
AMBIGUOUS_FAULTS = frozenset({Fault.TIME_OUT, Fault.CUT, Fault.DROPPED, Fault.SERVER_ERROR})


def record_fault(journal: Journal, message: Message, fault: Fault | None, at: float) -> None:
    """Record what the platform did to a post at ``at``."""
    if fault:
        journal.faults[str(fault)] += 1
    if fault in AMBIGUOUS_FAULTS:
        message.unanswered.append(str(fault))
    if fault is Fault.RATE_LIMITED:
        message.rate_limited_at.append(at)
