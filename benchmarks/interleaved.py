"""Comparisons on a machine that others share: pairs of blocks, and a bound on their ratio."""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Sequence

RESAMPLES = 4_000


def upper_bound(ratios: Sequence[float], *, seed: int = 0) -> float:
    """The value that the ratio in the long run stays below with 95 % confidence.

    ``ratios``: with / without of each pair of neighbouring blocks, all above 0. Bootstrap of their
    geometric mean, which takes half and double for equally far from 1 (Efron and Tibshirani, 1993).
    """
    logs = [math.log(ratio) for ratio in ratios]
    rng = random.Random(seed)
    means = sorted(statistics.fmean(rng.choices(logs, k=len(logs))) for _ in range(RESAMPLES))
    return math.exp(means[math.ceil(0.95 * RESAMPLES) - 1])


def geometric_mean(ratios: Sequence[float]) -> float:
    """The middle of ratios."""
    return statistics.geometric_mean(ratios)
