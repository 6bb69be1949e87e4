"""Interleaved pairs of blocks, with and without something, and how certain their ratio is."""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bot.admin.replay.win_rate import student_t


@dataclass(frozen=True, slots=True)
class Ratio:
    """The geometric mean of ratios, and the upper end of its 95 % interval."""

    mean: float
    bound: float


def interleaved(pairs: int, seed: int = 1) -> Iterator[bool]:
    """Whether each block is one with the thing: two a pair, in an order drawn by lot."""
    rng = random.Random(seed)
    for _ in range(pairs):
        first = rng.random() < 0.5
        yield first
        yield not first


def ratio(having: Sequence[float], lacking: Sequence[float]) -> Ratio:
    """Of pairs of positive values, by Student's interval of their logarithms."""
    logs = [math.log(one / other) for one, other in zip(having, lacking, strict=True)]
    mean = statistics.fmean(logs)
    if len(logs) < 2:
        return Ratio(math.exp(mean), math.inf)
    half = student_t(len(logs) - 1) * statistics.stdev(logs) / math.sqrt(len(logs))
    return Ratio(math.exp(mean), math.exp(mean + half))
