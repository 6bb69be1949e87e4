"""How far reviewers agree, beyond what chance would give: nominal coefficients.

Cohen, J. (1960). A coefficient of agreement for nominal scales. Educational and Psychological
Measurement 20, 37-46: kappa, for two reviewers who judged the same turns.
Krippendorff, K. (2011). Computing Krippendorff's alpha-reliability. University of Pennsylvania:
alpha, for any number of reviewers of whom each judged some. Both are 1 where all agree and 0 where
they agree as often as by chance; without two different judgements they are undefined.
Efron, B. and Stein, C. (1981). The jackknife estimate of variance. Annals of Statistics 9, 586-596:
the intervals.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import fsum, sqrt

from measures.shares import student_t

#: The judgements of one turn, and how many turns have these: their order means nothing to alpha.
Unit = tuple[str, ...]
Counted = Mapping[Unit, int]
Coefficient = Callable[[Counted], float | None]

#: Below this many turns an interval says nothing.
MIN_UNITS = 10


@dataclass(frozen=True, slots=True)
class Estimate:
    """A coefficient with its interval of 95 %; None: the data do not define it."""

    units: int  #: turns that two reviewers at least have judged
    value: float | None
    low: float | None = None
    high: float | None = None


def cohen_kappa(pairs: Iterable[tuple[str, str]]) -> float | None:
    """Kappa of two reviewers; a pair: the first one's and the second one's judgement of a turn."""
    return kappa_of(Counter(pairs))


def krippendorff_alpha(units: Iterable[Sequence[str]]) -> float | None:
    """Alpha over all; a unit: the judgements of one turn, in any order."""
    return alpha_of(count_units(units))


def count_units(units: Iterable[Sequence[str]]) -> Counter[Unit]:
    """How many units have the same judgements; one that has a single one can agree with none."""
    return Counter(tuple(sorted(unit)) for unit in units if len(unit) > 1)


def kappa_of(pairs: Counted) -> float | None:
    """Kappa of counted pairs."""
    total = sum(pairs.values())
    first, second = _marginal(pairs, 0), _marginal(pairs, 1)
    observed = sum(count for (one, other), count in pairs.items() if one == other)
    # All multiplied by the square of the total: whole numbers know when nothing differs.
    expected = sum(count * second[judged] for judged, count in first.items())
    if expected == total * total:
        return None
    return (observed * total - expected) / (total * total - expected)


def alpha_of(units: Counted) -> float | None:
    """Nominal alpha of counted units (section C of the paper, in the units' own counts)."""
    values: Counter[str] = Counter()
    observed = 0.0
    for unit, times in units.items():
        judged = Counter(unit)
        differing = len(unit) ** 2 - sum(count**2 for count in judged.values())
        observed += times * differing / (len(unit) - 1)
        for value, count in judged.items():
            values[value] += times * count
    total = values.total()
    expected = total**2 - sum(count**2 for count in values.values())
    if not expected:
        return None
    return 1 - (total - 1) * observed / expected


def estimate(units: Counted, coefficient: Coefficient) -> Estimate:
    """The coefficient with the interval of the jackknife over turns.

    Each turn is left out once. Turns with the same judgements change the coefficient alike, so that
    is as many computations as there are different units, whatever the number of turns. Where the
    coefficient hangs on a single turn there is no interval.
    """
    total = sum(units.values())
    value = coefficient(units)
    if value is None or total < MIN_UNITS:
        return Estimate(total, value)
    without = [(coefficient(_less(units, unit)), times) for unit, times in units.items() if times]
    found = [(one, times) for one, times in without if one is not None]
    if len(found) < len(without):
        return Estimate(total, value)
    mean = fsum(one * times for one, times in found) / total
    variance = (total - 1) / total * fsum((one - mean) ** 2 * times for one, times in found)
    half = student_t(total - 1) * sqrt(variance)
    return Estimate(total, value, max(-1.0, value - half), min(1.0, value + half))


def _less(units: Counted, one: Unit) -> Counted:
    """The units with one turn less."""
    return {unit: left for unit, times in units.items() if (left := times - (unit == one))}


def _marginal(pairs: Counted, place: int) -> Counter[str]:
    found: Counter[str] = Counter()
    for pair, count in pairs.items():
        found[pair[place]] += count
    return found
