"""The mean of paired differences, how certain it is, and what so many pairs could have shown.

Interval: the percentile bootstrap over clusters, widened for few of them by Student's quantile and
the square root of G / (G - 1) ("expanded percentile", Hesterberg, T. (2015). What teachers should
know about the bootstrap. The American Statistician 69, 371-386, section 5.3).
Check: the sign-flip permutation test, whose assumption is only that a pair could as well have been
the other way round (Fisher, R. A. (1935). The Design of Experiments, section 21).
Everything random is seeded: the same differences give the same figures.
"""

from __future__ import annotations

import math
import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from operator import mul
from statistics import NormalDist

from measures.shares import Z_80, student_t
from measures.verdict import Verdict

RESAMPLES = 4000
#: An interval leaves out 5 %, and a test is wrong so often where nothing differs.
LEVEL = 0.05
#: Up to so many clusters that differ, every way to flip them is tried.
MAX_EXACT = 12
#: Differences that are still worth a decision: of scores from 1 to 10, and of shares.
SMALL_POINTS = (0.5, 0.25)
SMALL_SHARES = (0.05, 0.02)
#: Sums of differences are equal within this: floating point.
_ROUNDING = 1e-9

#: The sum of the differences of a cluster, and their number.
Cluster = tuple[float, int]


@dataclass(frozen=True, slots=True)
class Difference:
    """New minus old, of one pair. Pairs of one cluster depend on each other."""

    value: float
    cluster: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedComparison:
    """The mean difference, new minus old, with its 95 % interval; None: too few clusters."""

    pairs: int
    clusters: int
    mean: float
    standard_error: float | None
    low: float | None
    high: float | None
    p_value: float  #: of the permutation test, two-sided
    #: The smallest true difference that such a set shows four times in five; None: unknown, because
    #: the differences do not vary.
    detectable: float | None

    @property
    def verdict(self) -> Verdict:
        """Better or worse only where the interval and the permutation test both say so."""
        if self.low is None or self.high is None or self.p_value > LEVEL:
            return Verdict.CANNOT_TELL
        if self.low > 0:
            return Verdict.BETTER
        return Verdict.WORSE if self.high < 0 else Verdict.CANNOT_TELL


def compare_pairs(differences: Iterable[Difference], *, seed: int) -> PairedComparison | None:
    """The comparison of all pairs; None: there are none."""
    clusters = _clusters(differences)
    pairs = sum(count for _sum, count in clusters)
    if not pairs:
        return None
    mean = math.fsum(total for total, _count in clusters) / pairs
    error = standard_error(clusters, mean)
    low, high = _interval(clusters, seed=seed) if error is not None else (None, None)
    return PairedComparison(
        pairs=pairs,
        clusters=len(clusters),
        mean=mean,
        standard_error=error,
        low=low,
        high=high,
        p_value=permutation_p(clusters, seed=seed),
        detectable=(student_t(len(clusters) - 1) + Z_80) * error if error else None,
    )


def questions_needed(pairs: int, detectable: float, difference: float) -> int:
    """How many pairs show this true difference four times in five, where ``pairs`` show another.

    As the standard error falls: with the square root of their number.
    """
    return math.ceil(pairs * (detectable / difference) ** 2)


def smaller_differences(
    pairs: int, detectable: float, goals: Sequence[float]
) -> list[tuple[float, int]]:
    """Those of the goals that ``pairs`` do not show, each with about how many pairs do."""
    beyond = [goal for goal in goals if goal < detectable]
    return [(goal, questions_needed(pairs, detectable, goal)) for goal in beyond]


def standard_error(clusters: Sequence[Cluster], mean: float) -> float | None:
    """Of the mean over pairs, from the spread between clusters; None: there is a single one."""
    groups, pairs = len(clusters), sum(count for _sum, count in clusters)
    if groups < 2:
        return None
    squares = math.fsum((total - mean * count) ** 2 for total, count in clusters)
    return math.sqrt(groups / (groups - 1) * squares) / pairs if squares > _ROUNDING**2 else 0.0


def permutation_p(clusters: Sequence[Cluster], *, seed: int) -> float:
    """How often the mean is as far from zero as here, where each cluster's sign is a coin."""
    sums = [total for total, _count in clusters if abs(total) > _ROUNDING]
    observed = abs(math.fsum(sums)) - _ROUNDING
    if len(sums) <= MAX_EXACT:
        every = list(product((1, -1), repeat=len(sums)))
        return sum(abs(_flipped(signs, sums)) >= observed for signs in every) / len(every)
    sizes = sorted(map(abs, sums))
    rng = random.Random(seed)  # noqa: S311 - nothing secret
    flips = (rng.choices((1, -1), k=len(sizes)) for _ in range(RESAMPLES))
    reached = sum(abs(_flipped(signs, sizes)) >= observed for signs in flips)
    return (reached + 1) / (RESAMPLES + 1)


def _flipped(signs: Sequence[int], sizes: Sequence[float]) -> float:
    return math.fsum(map(mul, signs, sizes))


def _interval(clusters: Sequence[Cluster], *, seed: int) -> tuple[float, float]:
    rng = random.Random(seed)  # noqa: S311 - nothing secret
    ordered, size = sorted(clusters), len(clusters)
    means = sorted(_mean(rng.choices(ordered, k=size)) for _ in range(RESAMPLES))
    place = round((RESAMPLES - 1) * _tail(size))
    return means[place], means[RESAMPLES - 1 - place]


def _mean(drawn: Sequence[Cluster]) -> float:
    pairs = sum(count for _sum, count in drawn)
    return math.fsum(total for total, _count in drawn) / pairs


def _tail(groups: int) -> float:
    """The share of resamples below the interval."""
    quantile = student_t(groups - 1) * math.sqrt(groups / (groups - 1))
    return NormalDist().cdf(-quantile)


def _clusters(differences: Iterable[Difference]) -> list[Cluster]:
    found: dict[str, list[float]] = defaultdict(list)
    for difference in differences:
        found[difference.cluster].append(difference.value)
    return [(math.fsum(sorted(values)), len(values)) for values in found.values()]
