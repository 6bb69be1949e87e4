"""Interleaved blocks, and the bound of their ratio."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.paired import interleaved, ratio

values = st.lists(st.floats(1.0, 1e4), min_size=2, max_size=30)


@given(st.integers(1, 40), st.integers(0, 99))
def test_each_pair_has_one_block_of_each_kind(pairs: int, seed: int) -> None:
    kinds = list(interleaved(pairs, seed))
    assert len(kinds) == 2 * pairs
    assert all(kinds[n] is not kinds[n + 1] for n in range(0, len(kinds), 2))


@given(values)
def test_the_same_values_are_a_ratio_of_one(some: list[float]) -> None:
    found = ratio(some, some)
    assert (found.mean, found.bound) == (1.0, 1.0)


@given(values, st.floats(0.1, 10))
def test_a_constant_factor_is_found_with_certainty(some: list[float], factor: float) -> None:
    found = ratio([factor * value for value in some], some)
    assert math.isclose(found.mean, factor, rel_tol=1e-6)
    assert math.isclose(found.bound, factor, rel_tol=1e-6)


def test_the_bound_is_student_s() -> None:
    # Logarithms 0.0, 0.1, 0.2: mean 0.1, deviation 0.1, t of 2 degrees of freedom 4.303.
    found = ratio([math.exp(0.0), math.exp(0.1), math.exp(0.2)], [1.0, 1.0, 1.0])
    assert found.bound == pytest.approx(math.exp(0.1 + 4.303 * 0.1 / math.sqrt(3)))
    assert ratio([2.0], [1.0]).bound == math.inf
