"""What two sides' answers show: by the judge, by exact references, by the checks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from statistics import fmean

from evaluation.pairs import Pair, Side
from evaluation.records import PairScore
from measures.paired import Difference, PairedComparison, compare_pairs


class Measure(StrEnum):
    """What is compared; the first that there is decides."""

    JUDGE = "judge"  #: both answers side by side, in both orders, from 1 to 10
    SCORE = "score"  #: each answer alone, from 1 to 10
    CORRECT = "correct"  #: the share of right answers
    SOUND = "sound"  #: the share of answers that are whole, not empty and not looping


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A measure over all questions, and of each category."""

    overall: PairedComparison
    categories: Mapping[str, PairedComparison]


@dataclass(frozen=True, slots=True)
class PairVerdict:
    """The judge on one question in both orders: the mean scores of both sides."""

    baseline: float
    candidate: float
    agrees: bool  #: both orders prefer the same answer, or neither any

    @property
    def difference(self) -> float:
        """Candidate minus baseline."""
        return self.candidate - self.baseline


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """Everything that two sides' answers show."""

    pairs: Sequence[Pair]
    measures: Mapping[Measure, Measured]
    judged: Mapping[str, PairVerdict] = field(default_factory=dict)  #: by question

    @property
    def primary(self) -> Measure | None:
        """The measure that decides; the checks alone cannot."""
        deciding = (Measure.JUDGE, Measure.SCORE, Measure.CORRECT)
        return next((one for one in deciding if one in self.measures), None)


#: The difference of one pair; None: there is none.
Differ = Callable[[Pair], float | None]


def compare(
    pairs: Sequence[Pair],
    baseline: Side,
    candidate: Side,
    pair_scores: Sequence[PairScore],
    *,
    has_judge: bool,
    seed: int,
) -> Compared:
    """Compare two sides by every measure that there is."""
    judged = verdicts(pair_scores)
    # Equal answers are a tie beside others that were judged, or where all are equal.
    counts_equal = bool(judged) or (has_judge and not any(one.can_be_judged for one in pairs))
    sides = (baseline, candidate)
    known = {
        Measure.JUDGE: lambda pair: _judged(pair, judged, counts_equal=counts_equal),
        Measure.SCORE: lambda pair: _scored(pair, baseline, candidate),
        Measure.CORRECT: lambda pair: _shares(*(side.correct(pair.question) for side in sides)),
        Measure.SOUND: lambda pair: _shares(*(side.sound(pair.question) for side in sides)),
    }
    found = {measure: measured(pairs, differ, seed=seed) for measure, differ in known.items()}
    return Compared(
        pairs=pairs,
        measures={measure: one for measure, one in found.items() if one is not None},
        judged=judged,
    )


def measured(pairs: Sequence[Pair], differ: Differ, *, seed: int) -> Measured | None:
    """A measure; None: no pair has it."""
    by_category: dict[str, list[Difference]] = defaultdict(list)
    for pair in pairs:
        value = differ(pair)
        if value is not None:
            difference = Difference(value, pair.question.cluster)
            by_category[pair.question.category].append(difference)
    every = [one for listed in by_category.values() for one in listed]
    overall = compare_pairs(every, seed=seed)
    if overall is None:
        return None
    each = {name: compare_pairs(listed, seed=seed) for name, listed in by_category.items()}
    return Measured(
        overall=overall,
        categories={name: one for name, one in each.items() if one is not None},
    )


def verdicts(pair_scores: Sequence[PairScore]) -> dict[str, PairVerdict]:
    """The judge's word on each question; one order alone counts for nothing."""
    orders: dict[str, dict[bool, tuple[float, float]]] = defaultdict(dict)
    for one in pair_scores:
        if one.baseline is not None and one.candidate is not None:
            orders[one.question][one.swapped] = (one.baseline, one.candidate)
    return {
        question: _verdict(both[False], both[True])
        for question, both in orders.items()
        if len(both) == 2
    }


def _verdict(straight: tuple[float, float], swapped: tuple[float, float]) -> PairVerdict:
    one, other = (scores[1] - scores[0] for scores in (straight, swapped))
    return PairVerdict(
        baseline=fmean((straight[0], swapped[0])),
        candidate=fmean((straight[1], swapped[1])),
        agrees=(one > 0) == (other > 0) and (one < 0) == (other < 0),
    )


def _judged(pair: Pair, judged: Mapping[str, PairVerdict], *, counts_equal: bool) -> float | None:
    if pair.is_complete and pair.is_same:
        return 0.0 if counts_equal else None
    verdict = judged.get(pair.question.id)
    return verdict.difference if verdict else None


def _scored(pair: Pair, baseline: Side, candidate: Side) -> float | None:
    if baseline.judge != candidate.judge:
        return None  # two judges' scores do not compare
    turns = [(pair.question.id, turn) for turn in range(len(pair.question.turns))]
    both = [
        [side.scores[turn] for turn in turns]
        for side in (baseline, candidate)
        if all(turn in side.scores for turn in turns)
    ]
    if len(both) < 2:
        return None
    return fmean(both[1]) - fmean(both[0])


def _shares(baseline: Sequence[bool], candidate: Sequence[bool]) -> float | None:
    """The difference of the shares of turns that hold."""
    return fmean(candidate) - fmean(baseline) if baseline and candidate else None
