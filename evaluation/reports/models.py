"""The form of ``report.json``; the dashboard reads it (docs/evaluation.md, "The report")."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from evaluation.records import Asked, EngineUsed, JudgeUsed
from measures.verdict import Verdict

REPORT_FORMAT: Literal[1] = 1
#: Characters of a question or an answer that a report keeps.
MAX_TEXT = 4_000


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, allow_inf_nan=False)


class IntervalPart(_Part):
    """A mean difference, candidate minus baseline; None: undefined for so few."""

    pairs: int
    clusters: int
    mean: float
    standard_error: float | None
    low: float | None
    high: float | None
    p_value: float
    detectable: float | None
    verdict: Verdict


class MeasurePart(_Part):
    """One measure over all, and of each category."""

    name: str
    overall: IntervalPart
    categories: dict[str, IntervalPart]


class SidePart(_Part):
    """One side's answers, counted; shares are from 0 to 1, None where nothing has them."""

    label: str
    name: str = ""  #: that the command gave it, for people
    used: EngineUsed | None
    answers: int
    failures: dict[str, int]
    empty: int
    looping: int
    cut: int
    asks_for_score: int
    correct: float | None
    hangul: float | None
    characters: float | None  #: the mean length
    tokens: float | None  #: the mean
    tokens_per_second: float | None  #: the median of one answer
    score: float | None  #: the judge's mean, where it scored answers alone


class AgreementPart(_Part):
    """The judge beside the people who voted: Cohen's kappa with its interval of 95 %."""

    pairs: int
    same: int  #: pairs where both prefer the same, or neither any
    kappa: float | None
    low: float | None
    high: float | None


class PairPart(_Part):
    """A question with both answers, and the judge's mean scores of both orders."""

    question: str
    category: str
    asked: str
    baseline: str
    candidate: str
    baseline_score: float | None
    candidate_score: float | None
    note: str = ""  #: same, missing, why it was not judged; unsteady: the order decided


class ComparisonReport(_Part):
    """What a comparison shows."""

    kind: Literal["comparison"] = "comparison"
    format: Literal[1] = REPORT_FORMAT
    version: str
    created_at: datetime
    seed: int
    asked: Asked
    judge: JudgeUsed | None
    baseline: SidePart
    candidate: SidePart
    measures: list[MeasurePart]
    primary: str | None  #: the name of the measure that decides
    verdict: Verdict | None
    to_judge: int  #: pairs with different answers
    judged: int  #: of them, in both orders
    agreeing_orders: int  #: of those, preferred alike in both
    not_judged: dict[str, int]
    agreement: AgreementPart | None
    replay: int | None = None  #: of the dashboard, whose answers these are
    pairs: list[PairPart]


class ScoreRow(_Part):
    """A row of LogicKor's table; None: nothing was judged."""

    name: str
    score: float | None
    judged: int
    card: float | None


class AnswerPart(_Part):
    """One turn with its answer."""

    question: str
    category: str
    turn: int
    asked: str
    answer: str
    score: float | None
    note: str = ""


class RunReport(_Part):
    """What one engine's answers show."""

    kind: Literal["run"] = "run"
    format: Literal[1] = REPORT_FORMAT
    version: str
    created_at: datetime
    seed: int
    asked: Asked
    judge: JudgeUsed | None
    side: SidePart
    is_logickor: bool
    is_published: bool = True  #: False: LogicKor's form with other questions
    rows: list[ScoreRow]
    not_judged: dict[str, int]
    answers: list[AnswerPart]
