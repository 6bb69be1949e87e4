"""Reads ``report.json`` of the evaluation (docs/evaluation.md, "The report"): what the pages show.

The bot does not import the evaluation: a report may come from another machine and version.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
)

from bot.domain.evaluations import EvaluationKind
from bot.domain.turns import clean_text
from measures.verdict import Verdict

MAX_BYTES = 64 * 1024 * 1024

#: Postgres refuses NUL in JSON, too; a category or a server's name of its model may have one.
Name = Annotated[str, Field(max_length=500), AfterValidator(clean_text)]
Words = Annotated[str, Field(max_length=5_000)]
Count = Annotated[int, Field(ge=0, le=10**9)]
Counts = Annotated[dict[Name, Count], Field(max_length=100)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, allow_inf_nan=False)


class AskedPart(_Part):
    """The questions."""

    name: Name
    sha256: Annotated[str, Field(max_length=64)]
    questions: Count
    repeated: Count = 0


class JudgePart(_Part):
    """The judge."""

    model: Name
    prompt_version: Count


class IntervalPart(_Part):
    """A mean difference, candidate minus baseline."""

    pairs: Count
    mean: float
    low: float | None
    high: float | None
    p_value: float
    detectable: float | None
    verdict: Verdict


class MeasurePart(_Part):
    """A measure over all, and of each category."""

    name: Name
    overall: IntervalPart
    categories: Annotated[dict[Name, IntervalPart], Field(max_length=1_000)]


class EnginePart(_Part):
    """The engine that answered."""

    model: Name
    preset: Name
    adapter: Name = ""
    demo: bool = False


class SidePart(_Part):
    """One side's answers, counted."""

    label: Name
    name: Name = ""
    used: EnginePart | None
    answers: Count
    failures: Counts
    empty: Count
    looping: Count
    cut: Count
    asks_for_score: Count
    correct: float | None
    hangul: float | None
    characters: float | None
    tokens: float | None
    tokens_per_second: float | None
    score: float | None

    @property
    def model(self) -> str:
        """Its model, or what else names it."""
        return self.used.model if self.used else self.label

    @property
    def title(self) -> str:
        """What it was called, or its model."""
        return self.name or self.model


class AgreementPart(_Part):
    """The judge beside the people who voted."""

    pairs: Count
    same: Count
    kappa: float | None
    low: float | None
    high: float | None


class ScoreRow(_Part):
    """A row of the scores."""

    name: Name
    score: float | None
    judged: Count
    card: float | None


class ReportPair(_Part):
    """A question with its answers; of a run without a baseline."""

    question: Name  #: its id
    category: Name
    asked: Words
    baseline: Words = ""
    candidate: Words
    baseline_score: float | None = None
    candidate_score: float | None = None
    note: Name = ""


class _Answer(_Part):
    question: Name
    category: Name
    asked: Words
    answer: Words
    score: float | None
    note: Name = ""


class Report(_Part):
    """A report of either kind."""

    kind: EvaluationKind
    format: Literal[1]
    created_at: AwareDatetime
    asked: AskedPart
    judge: JudgePart | None
    not_judged: Counts
    # Of a comparison
    baseline: SidePart | None = None
    candidate: SidePart | None = None
    measures: Annotated[list[MeasurePart], Field(max_length=10)] = []
    primary: Name | None = None
    verdict: Verdict | None = None
    to_judge: Count = 0
    judged: Count = 0
    agreeing_orders: Count = 0
    agreement: AgreementPart | None = None
    replay: Annotated[int, Field(ge=1, le=2**62)] | None = None  #: whose answers these are
    # Of a run
    side: SidePart | None = None
    is_logickor: bool = False
    is_published: bool = True
    rows: Annotated[list[ScoreRow], Field(max_length=1_000)] = []

    @classmethod
    def read(cls, stored: object) -> Self | None:
        """A stored report; None: of a version that this one does not know."""
        try:
            return cls.model_validate(stored)
        except ValidationError:
            return None

    @property
    def sides(self) -> list[tuple[str, SidePart]]:
        """The sides by their names."""
        named = (("baseline", self.baseline), ("candidate", self.candidate), ("run", self.side))
        return [(name, side) for name, side in named if side is not None]

    @property
    def deciding(self) -> IntervalPart | None:
        """The measure that decides, over all questions."""
        named = (one.overall for one in self.measures if one.name == self.primary)
        return next(named, None)

    @property
    def titles(self) -> tuple[str, str]:
        """The names of baseline and candidate, which differ; of a run the second alone."""
        sides = dict(self.sides)
        candidate = sides.get("candidate") or sides.get("run")
        baseline = sides.get("baseline")
        if candidate is None:
            return "", ""
        if baseline is None:
            return "", candidate.title
        if baseline.title == candidate.title:
            return baseline.label, candidate.label
        return baseline.title, candidate.title


class ReportFile(Report):
    """A report with its questions and answers."""

    pairs: Annotated[list[ReportPair], Field(max_length=20_000)] = []
    answers: Annotated[list[_Answer], Field(max_length=40_000)] = []

    def every_pair(self) -> Iterator[ReportPair]:
        """The pairs, and the answers of a run as pairs."""
        yield from self.pairs
        for one in self.answers:
            yield ReportPair(
                question=one.question,
                category=one.category,
                asked=one.asked,
                candidate=one.answer,
                candidate_score=one.score,
                note=one.note,
            )
