"""What people do beside asking: they stop answers and judge them. Seconds are monotonic."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

#: ``by``: the word, Slack's own stop button for a session, or the button below an answer.
StopWay = Literal["word", "session", "button"]


@dataclass(slots=True, kw_only=True)
class Stop:
    """A request to stop what is written in a conversation, or one turn of it."""

    conversation: str
    way: StopWay
    sent_at: float
    ended_at: float | None = None  #: the last response, of whatever kind
    acknowledged: bool = False
    acknowledged_at: float = 0.0  #: Unix seconds
    turn_id: str = ""  #: the one turn that the button names; "" all of the conversation

    def may_end(self, conversation: str, sent_at: float) -> bool:
        """Whether it may stop the answer to a message that was sent then."""
        return self.conversation == conversation and (
            self.ended_at is None or sent_at < self.ended_at
        )


@dataclass(frozen=True, slots=True)
class Judgement:
    """One person's vote on an answer, as it is stored."""

    vote: str
    reasons: frozenset[str] = frozenset()
    note: str = ""

    def changed_by(self, later: Judgement) -> Judgement:
        """What is stored after a later vote: a good one forgets the reasons."""
        if later.vote == "good":
            return Judgement("good")
        return replace(later, reasons=later.reasons or self.reasons, note=later.note or self.note)


@dataclass(slots=True)
class Ballot:
    """The votes of one person on one answer, and what may be stored of them."""

    allowed: set[Judgement | None] = field(default_factory=lambda: {None})
    acknowledged: int = 0
    foreign: bool = False  #: given where the answer is not: nothing may be stored

    def give(self, judgement: Judgement, *, acknowledged: bool) -> None:
        """Note a vote. One without an acknowledgement may be stored or not."""
        after: set[Judgement | None] = {
            before.changed_by(judgement) if before else judgement for before in self.allowed
        }
        self.allowed = after if acknowledged else after | self.allowed
        self.acknowledged += acknowledged
