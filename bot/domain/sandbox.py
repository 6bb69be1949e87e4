"""Questions with which dashboard users try settings before they go live."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class SandboxSide(StrEnum):
    """The settings that a question is asked with."""

    DRAFT = "draft"
    LIVE = "live"


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxAnswer:
    """The answer of one side; open until ``answered_at``."""

    side: SandboxSide
    job_id: UUID
    preset: str
    answered_at: datetime | None = None
    answer: str = ""  #: "": none came
    outcome: str = ""  #: a finish or failure reason of the protocol
    completion_tokens: int | None = None
    total_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxQuestion:
    """A question and its answers, the draft's first."""

    id: int
    batch_id: UUID
    question: str
    asked_at: datetime
    answers: tuple[SandboxAnswer, ...]

    @property
    def is_open(self) -> bool:
        """Whether an answer is still to come."""
        return any(answer.answered_at is None for answer in self.answers)

    def answer_of(self, side: SandboxSide) -> SandboxAnswer | None:
        """The answer of a side; None: it was not asked."""
        return next((answer for answer in self.answers if answer.side is side), None)
