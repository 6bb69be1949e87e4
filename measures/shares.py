"""Shares of trials: their interval, and how many independent trials dependent ones are worth."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import NamedTuple

#: Of the normal distribution: 95 % lie within it on both sides, 80 % below it.
Z_95 = 1.959964
Z_80 = 0.841621
#: Student's for 1 to 10 degrees of freedom; beyond, a series is exact to three digits.
_STUDENT_T = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228)

#: Of a sum of squares: what floating point leaves of none, and far below what one vote makes.
_ROUNDING = 1e-18


def wilson(rate: float, size: float) -> tuple[float, float]:
    """The 95 % interval of a share among ``size`` independent trials (Wilson, 1927)."""
    z2 = Z_95**2
    centre = (rate + z2 / (2 * size)) / (1 + z2 / size)
    half = Z_95 * math.sqrt(rate * (1 - rate) / size + z2 / (4 * size**2)) / (1 + z2 / size)
    return max(0.0, min(rate, centre - half)), min(1.0, max(rate, centre + half))


class Clusters(NamedTuple):
    """Clusters of items that depend on each other, all with as many items and the same total."""

    items: int  #: of each
    total: float  #: of the scores of each
    number: int = 1


def effective_size(clusters: Collection[Clusters]) -> float:
    """How many independent items tell as much as these, grouped by conversation.

    The variance of the mean is taken between conversations, and compared with that of independent
    yes-or-no items; the fewer conversations, the more carefully (Korn and Graubard, 1998). Never
    more than there are items. Where the scores do not vary, they tell nothing of how far they
    depend on each other, and each conversation counts once.
    """
    count = sum(one.items * one.number for one in clusters)
    groups = sum(one.number for one in clusters)
    if groups < 2:
        return 1.0
    mean = math.fsum(one.total * one.number for one in clusters) / count
    squares = math.fsum((one.total - mean * one.items) ** 2 * one.number for one in clusters)
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
