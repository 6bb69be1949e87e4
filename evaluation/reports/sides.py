"""Counts one side's answers for a report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from statistics import fmean, median

from evaluation.checks import Checks
from evaluation.pairs import Side
from evaluation.questions import QuestionSet
from evaluation.reports.models import SidePart


def side_part(questions: QuestionSet, side: Side) -> SidePart:
    """The side as a report shows it."""
    answers = [answer for one in questions.questions for answer in side.answers_to(one)]
    checks = [found for one in questions.questions for found in side.checks_of(one)]
    return SidePart(
        label=side.label,
        name=side.name,
        used=side.used,
        answers=len(checks),
        failures=Counter(answer.failure for answer in answers if answer.failure),
        empty=sum(one.empty for one in checks),
        looping=sum(one.looping for one in checks),
        cut=sum(one.cut for one in checks),
        asks_for_score=sum(one.asks_for_score for one in checks),
        score=_mean(side.scores.values()),
        correct=_mean(held for one in questions.questions for held in side.correct(one)),
        **_means(checks),
    )


def _means(checks: list[Checks]) -> dict[str, float | None]:
    speeds = [one.tokens_per_second for one in checks if one.tokens_per_second is not None]
    return {
        "hangul": _mean(one.hangul for one in checks),
        "characters": _mean(one.characters for one in checks),
        "tokens": _mean(one.tokens for one in checks),
        "tokens_per_second": median(speeds) if speeds else None,
    }


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None
