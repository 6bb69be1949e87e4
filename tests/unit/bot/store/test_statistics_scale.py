"""Percentiles read from histograms: how far they may be off."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from bot.store.statistics_scale import BOUNDS_MS, MAX_ERROR, STEPS_S, bucket_ms, percentile_ms

durations = st.floats(min_value=1.0, max_value=BOUNDS_MS[-1] * 0.99)


def histogram(milliseconds: list[float]) -> Counter[int]:
    """As Postgres' width_bucket counts them."""
    return Counter(bisect_right(BOUNDS_MS, ms) for ms in milliseconds)


@given(st.lists(durations, min_size=1), st.sampled_from([0.5, 0.95, 0.99]))
def test_a_percentile_is_off_by_the_stated_error_at_most(values: list[float], p: float) -> None:
    rank = max(0, -int(-p * len(values) // 1) - 1)
    exact = sorted(values)[rank]
    read = percentile_ms(histogram(values), p)
    assert read is not None
    assert abs(read - exact) <= exact * (MAX_ERROR + 1e-6)


def test_nothing_counted_has_no_percentile() -> None:
    assert percentile_ms({}, 0.5) is None


def test_what_took_no_time_reads_as_nothing() -> None:
    assert percentile_ms({0: 5}, 0.99) == bucket_ms(0) == 0.0


def test_each_step_is_made_of_whole_ones_of_every_shorter_step() -> None:
    assert all(long % short == 0 for short, long in pairwise(STEPS_S))
