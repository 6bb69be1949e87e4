"""People's judgements of answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID


class Vote(StrEnum):
    """A thumb up or down."""

    GOOD = "good"
    BAD = "bad"


class Reason(StrEnum):
    """Why an answer was bad: the same codes in every messenger and in the dashboard."""

    WRONG = "wrong"  #: not true
    UNHELPFUL = "unhelpful"  #: not what was asked
    UNSAFE = "unsafe"  #: offensive or harmful
    FORMAT = "format"  #: badly laid out, too long or too short
    KOREAN = "korean"  #: unnatural Korean


#: The maximum length of a person's own words about an answer.
MAX_NOTE_CHARS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """One person's judgement of one answer."""

    turn_id: UUID
    voter: str
    vote: Vote
    reasons: tuple[Reason, ...] = field(default=())
    note: str = ""
