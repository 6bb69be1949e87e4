"""Makes the report of a comparison."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from evaluation.comparing import Compared, Measured
from evaluation.pairs import Pair, Side
from evaluation.questions import Question, QuestionSet
from evaluation.records import Answer, JudgeUsed, NotJudged, PairScore
from evaluation.reports.models import (
    MAX_TEXT,
    AgreementPart,
    ComparisonReport,
    IntervalPart,
    MeasurePart,
    PairPart,
)
from evaluation.reports.sides import side_part
from evaluation.run_folder import asked, project_version
from measures.paired import PairedComparison

#: The note of a pair whose verdict an outage prevented: it is asked again.
PENDING = "pending"


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedSides:
    """What a report is made of."""

    questions: QuestionSet
    baseline: Side
    candidate: Side
    pair_scores: Sequence[PairScore]
    judge: JudgeUsed | None
    seed: int
    replay: int | None = None


def comparison_report(
    sides: ComparedSides, compared: Compared, agreement: AgreementPart | None = None
) -> ComparisonReport:
    """The report."""
    primary = compared.primary
    reasons = _reasons(sides.pair_scores)
    to_judge = [pair for pair in compared.pairs if pair.can_be_judged]
    return ComparisonReport(
        version=project_version(),
        created_at=datetime.now(UTC),
        seed=sides.seed,
        asked=asked(sides.questions),
        judge=sides.judge,
        baseline=side_part(sides.questions, sides.baseline),
        candidate=side_part(sides.questions, sides.candidate),
        measures=[_measure(name, one) for name, one in compared.measures.items()],
        primary=primary.value if primary else None,
        verdict=compared.measures[primary].overall.verdict if primary else None,
        to_judge=len(to_judge),
        judged=len(compared.judged),
        agreeing_orders=sum(one.agrees for one in compared.judged.values()),
        not_judged=_not_judged(to_judge, compared, reasons) if sides.judge else {},
        agreement=agreement,
        replay=sides.replay,
        pairs=[_pair(pair, compared, reasons) for pair in compared.pairs],
    )


def asked_text(question: Question) -> str:
    """What was asked, the turns below each other."""
    return _short("\n\n".join(turn.text for turn in question.turns))


def _measure(name: str, measured: Measured) -> MeasurePart:
    each = {category: _interval(one) for category, one in sorted(measured.categories.items())}
    return MeasurePart(name=name, overall=_interval(measured.overall), categories=each)


def _interval(compared: PairedComparison) -> IntervalPart:
    return IntervalPart(**asdict(compared), verdict=compared.verdict)


def _reasons(pair_scores: Sequence[PairScore]) -> dict[str, NotJudged]:
    return {one.question: one.reason for one in pair_scores if one.reason is not None}


def _not_judged(
    to_judge: Sequence[Pair], compared: Compared, reasons: dict[str, NotJudged]
) -> dict[str, int]:
    names = [pair.question.id for pair in to_judge if pair.question.id not in compared.judged]
    return dict(Counter(str(reasons.get(name, PENDING)) for name in names))


def _pair(pair: Pair, compared: Compared, reasons: dict[str, NotJudged]) -> PairPart:
    verdict = compared.judged.get(pair.question.id)
    note = str(reasons.get(pair.question.id, "")) if verdict is None else ""
    if verdict is not None and not verdict.agrees:
        note = "unsteady"
    if pair.is_complete and pair.is_same:
        note = "same"
    elif not pair.is_complete:
        note = "missing"
    return PairPart(
        question=pair.question.id,
        category=pair.question.category,
        asked=asked_text(pair.question),
        baseline=_answered(pair.baseline),
        candidate=_answered(pair.candidate),
        baseline_score=verdict.baseline if verdict else None,
        candidate_score=verdict.candidate if verdict else None,
        note=note,
    )


def _answered(answers: Sequence[Answer]) -> str:
    return _short("\n\n".join(answer.text for answer in answers))


def _short(text: str) -> str:
    return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}…"
