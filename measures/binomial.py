"""Random numbers of binomial and multinomial distributions, exact, without a draw for each trial.

Python has none before 3.12, and numpy is not among the bot's dependencies.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from math import exp, lgamma, log, log1p


def draw_multinomial(rng: random.Random, counts: Sequence[int]) -> list[int]:
    """As many draws with replacement as there are things; ``counts``: the things of each kind."""
    left, weight = sum(counts), sum(counts)
    drawn = []
    for count in counts:
        share = draw_binomial(rng, left, count / weight) if weight else 0
        drawn.append(share)
        left, weight = left - share, weight - count
    return drawn


def draw_binomial(rng: random.Random, trials: int, chance: float) -> int:
    """The successes of so many trials: inversion from the mode outwards.

    Takes about the standard deviation's number of steps.
    """
    if chance <= 0 or not trials:
        return 0
    if chance >= 1:
        return trials
    mode = int((trials + 1) * chance)
    odds = chance / (1 - chance)
    below = above = _probability(trials, chance, mode)
    rest = rng.random() - above
    low = high = mode
    while rest > 0 and (low > 0 or high < trials):
        if high < trials:
            above *= (trials - high) / (high + 1) * odds
            high += 1
            rest -= above
            if rest <= 0:
                return high
        if low > 0:
            below *= low / ((trials - low + 1) * odds)
            low -= 1
            rest -= below
            if rest <= 0:
                return low
    return mode


def _probability(trials: int, chance: float, successes: int) -> float:
    failures = trials - successes
    ways = lgamma(trials + 1) - lgamma(successes + 1) - lgamma(failures + 1)
    return exp(ways + successes * log(chance) + failures * log1p(-chance))
