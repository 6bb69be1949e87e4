"""The bound on a ratio of interleaved blocks."""

from __future__ import annotations

import random

import pytest

from benchmarks.interleaved import geometric_mean, upper_bound


def test_alike_blocks_have_a_bound_just_above_one() -> None:
    rng = random.Random(1)
    ratios = [rng.lognormvariate(0, 0.1) for _ in range(20)]
    assert geometric_mean(ratios) < upper_bound(ratios) < 1.1


def test_half_and_double_are_equally_far_from_one() -> None:
    assert geometric_mean([0.5, 2.0]) == pytest.approx(1.0)


def test_a_difference_is_seen_through_noise() -> None:
    rng = random.Random(2)
    assert upper_bound([rng.lognormvariate(0.4, 0.2) for _ in range(20)]) > 1.4


def test_more_blocks_make_it_tighter() -> None:
    rng = random.Random(3)
    ratios = [rng.lognormvariate(0, 0.3) for _ in range(200)]
    assert upper_bound(ratios) < upper_bound(ratios[:10])
    assert upper_bound(ratios) == upper_bound(ratios)


def test_few_of_a_hundred_bounds_are_below_the_truth() -> None:
    rng = random.Random(4)
    bounds = [upper_bound([rng.lognormvariate(0.2, 0.2) for _ in range(20)]) for _ in range(60)]
    assert sum(bound < 1.2214 for bound in bounds) <= 10
