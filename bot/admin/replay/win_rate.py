"""The win rate of the new answers, and how certain it is (docs/decisions/0043).

An item's score is 1 where the new answer is preferred, 0 where the old one is, and a half for a tie
or two bad answers; several reviewers' votes are averaged. The interval is Wilson's, for as many
independent items as the conversations leave: turns of one conversation share their history, so they
count for less than as many turns of different conversations (Kish's effective sample size).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from bot.domain.replays import Preference

#: Of the normal distribution: 95 % lie within it on both sides, 80 % below it.
Z_95 = 1.959964
Z_80 = 0.841621
#: Student's for 1 to 10 degrees of freedom; beyond, a series is exact to three digits.
_STUDENT_T = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228)

#: Of a sum of squares: what floating point leaves of none, and far below what one vote makes.
_ROUNDING = 1e-18

_SCORES = {Preference.NEW: 1.0, Preference.OLD: 0.0, Preference.TIE: 0.5, Preference.BOTH_BAD: 0.5}


class Verdict(StrEnum):
    """What the votes say of the new answers."""

    BETTER = "better"
    WORSE = "worse"
    CANNOT_TELL = "cannot_tell"


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedItem:
    """An item with its votes."""

    conversation_id: int
    votes: Sequence[Preference]  #: at least one

    @property
    def score(self) -> float:
        """The mean of its votes."""
        return math.fsum(_SCORES[vote] for vote in self.votes) / len(self.votes)


@dataclass(frozen=True, slots=True, kw_only=True)
class WinRate:
    """The share of wins of the new answers, from 0 to 1, with its 95 % interval."""

    items: int
    conversations: int
    rate: float
    low: float
    high: float
    #: The smallest distance from one half that so many items would have shown, four times in five.
    detectable: float

    @property
    def verdict(self) -> Verdict:
        """Better or worse only where the whole interval says so."""
        if self.low > 0.5:
            return Verdict.BETTER
        return Verdict.WORSE if self.high < 0.5 else Verdict.CANNOT_TELL


def win_rate(items: Iterable[JudgedItem]) -> WinRate | None:
    """The win rate of items with votes; None: there are none."""
    scores: dict[int, list[float]] = defaultdict(list)
    for item in items:
        scores[item.conversation_id].append(item.score)
    count = sum(map(len, scores.values()))
    if not count:
        return None
    rate = math.fsum(score for same in scores.values() for score in same) / count
    independent = effective_size(list(scores.values()))
    low, high = wilson(rate, independent)
    return WinRate(
        items=count,
        conversations=len(scores),
        rate=rate,
        low=low,
        high=high,
        detectable=min(0.5, (Z_95 + Z_80) * 0.5 / math.sqrt(independent)),
    )


def wilson(rate: float, size: float) -> tuple[float, float]:
    """The 95 % interval of a share among ``size`` independent trials (Wilson, 1927)."""
    z2 = Z_95**2
    centre = (rate + z2 / (2 * size)) / (1 + z2 / size)
    half = Z_95 * math.sqrt(rate * (1 - rate) / size + z2 / (4 * size**2)) / (1 + z2 / size)
    return max(0.0, min(rate, centre - half)), min(1.0, max(rate, centre + half))


def effective_size(clusters: Sequence[Sequence[float]]) -> float:
    """How many independent items tell as much as these, grouped by conversation.

    The variance of the mean is taken between conversations, and compared with that of independent
    yes-or-no items; the fewer conversations, the more carefully (Korn and Graubard, 1998). Never
    more than there are items. Where the scores do not vary, they tell nothing of how far they
    depend on each other, and each conversation counts once.
    """
    count, groups = sum(map(len, clusters)), len(clusters)
    if groups < 2:
        return 1.0
    mean = math.fsum(score for same in clusters for score in same) / count
    squares = math.fsum(math.fsum(score - mean for score in same) ** 2 for same in clusters)
    variance = groups / (groups - 1) * squares / count**2
    if mean <= 0 or mean >= 1 or squares < _ROUNDING:
        return float(groups)
    size = mean * (1 - mean) / variance * (Z_95 / student_t(groups - 1)) ** 2
    return min(float(count), max(1.0, size))


def student_t(freedom: int) -> float:
    """The 97.5 % quantile of Student's distribution: a variance of few groups is uncertain."""
    if freedom <= len(_STUDENT_T):
        return _STUDENT_T[freedom - 1]
    first = (Z_95**3 + Z_95) / (4 * freedom)
    second = (5 * Z_95**5 + 16 * Z_95**3 + 3 * Z_95) / (96 * freedom**2)
    return Z_95 + first + second
