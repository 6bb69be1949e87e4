"""Paired differences: published values, what must hold for any data, and simulated coverage."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from measures.paired import (
    Difference,
    PairedComparison,
    compare_pairs,
    permutation_p,
    questions_needed,
    smaller_differences,
)
from measures.verdict import Verdict

#: Darwin's maize, the heights of 15 pairs (Fisher 1935, section 17): differences in eighths of an
#: inch, cross- minus self-fertilised.
DARWIN = (49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48)

differences = st.lists(
    st.builds(
        Difference,
        st.sampled_from([-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 3.0]),
        st.sampled_from([f"conversation {number}" for number in range(30)]),
    ),
    min_size=1,
    max_size=60,
)


def paired(*values: float) -> list[Difference]:
    return [Difference(value, str(number)) for number, value in enumerate(values)]


def compared(*values: float, seed: int = 1) -> PairedComparison:
    found = compare_pairs(paired(*values), seed=seed)
    assert found is not None
    return found


def test_the_mean_and_its_standard_error_are_those_of_darwins_maize() -> None:
    found = compared(*DARWIN)
    # Fisher: mean 20.933, standard error 9.746 (of the t of 2.148).
    assert found.mean == pytest.approx(20.933, abs=1e-3)
    assert found.standard_error == pytest.approx(9.746, abs=1e-3)


def test_the_permutation_test_is_what_fisher_counted_by_hand() -> None:
    # Section 21: 863 of 32,768 flips reach the sum in each direction, 0.05267 in both.
    found = permutation_p([(value, 1) for value in DARWIN], seed=7)
    assert found == pytest.approx(0.05267, abs=0.012)


def test_few_pairs_are_flipped_in_every_way() -> None:
    # Of 2**4 ways two are as far from zero as four equal differences.
    assert permutation_p([(1.0, 1)] * 4, seed=1) == 2 / 16
    assert permutation_p([(1.0, 1)] * 4 + [(0.0, 1)] * 9, seed=1) == 2 / 16


def test_darwins_interval_is_close_to_students() -> None:
    # Student's t with 14 degrees of freedom: 0.03 to 41.84.
    found = compared(*DARWIN)
    assert found.low == pytest.approx(0.03, abs=2.5)
    assert found.high == pytest.approx(41.84, abs=2.5)


def test_equal_pairs_are_told_from_nothing() -> None:
    found = compared(*[0.0] * 20)
    assert (found.mean, found.low, found.high, found.p_value) == (0, 0, 0, 1)
    assert found.verdict is Verdict.CANNOT_TELL
    assert found.detectable is None


def test_three_wins_of_three_are_too_few_for_a_verdict() -> None:
    assert compared(1.0, 1.0, 1.0).verdict is Verdict.CANNOT_TELL


def test_many_wins_are_a_verdict() -> None:
    assert compared(*[1.0, 0.5, 2.0] * 10).verdict is Verdict.BETTER
    assert compared(*[-1.0, -0.5, -2.0] * 10).verdict is Verdict.WORSE


def test_a_single_conversation_has_no_interval() -> None:
    found = compare_pairs([Difference(1.0, "a")] * 40, seed=1)
    assert found is not None
    assert (found.low, found.high, found.standard_error) == (None, None, None)
    assert found.verdict is Verdict.CANNOT_TELL


def test_questions_of_one_conversation_tell_less_than_as_many_of_others() -> None:
    rng = random.Random(5)
    values = [rng.choice([-1.0, 0.0, 1.0, 2.0]) for _ in range(12)]
    alone = compare_pairs([Difference(v, f"{n}") for n, v in enumerate(values * 4)], seed=1)
    together = compare_pairs([Difference(v, f"{n % 12}") for n, v in enumerate(values * 4)], seed=1)
    assert alone is not None
    assert together is not None
    assert alone.standard_error is not None
    assert together.standard_error is not None
    assert together.standard_error > 1.8 * alone.standard_error


def test_no_pairs_are_no_comparison() -> None:
    assert compare_pairs([], seed=1) is None


@given(differences)
@settings(max_examples=25)
def test_swapping_the_sides_mirrors_everything_but_the_draw(some: list[Difference]) -> None:
    one = compare_pairs(some, seed=3)
    other = compare_pairs([Difference(-d.value, d.cluster) for d in some], seed=3)
    assert one is not None
    assert other is not None
    assert one.mean == pytest.approx(-other.mean)
    assert one.standard_error == pytest.approx(other.standard_error)
    assert one.p_value == pytest.approx(other.p_value)
    assert one.detectable == pytest.approx(other.detectable)


@given(differences, st.integers(0, 9))
@settings(max_examples=25)
def test_the_same_seed_gives_the_same_and_the_order_means_nothing(
    some: list[Difference], seed: int
) -> None:
    mixed = random.Random(seed).sample(some, len(some))
    assert compare_pairs(some, seed=seed) == compare_pairs(mixed, seed=seed)


@given(differences)
@settings(max_examples=25)
def test_the_interval_lies_around_the_mean(some: list[Difference]) -> None:
    found = compare_pairs(some, seed=3)
    assert found is not None
    if found.low is not None and found.high is not None:
        assert found.low <= found.mean + 1e-9
        assert found.high >= found.mean - 1e-9


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    rng = random.Random(2026)
    covered = sum(_covers(rng, pairs=15) for _ in range(60))
    # 95 % of 60, with a standard deviation of 1.7.
    assert covered >= 52


def _covers(rng: random.Random, *, pairs: int) -> bool:
    """Whether the interval of a skewed sample holds its true mean."""
    values = [round(rng.expovariate(1.0) - 1.0 + 0.4, 1) for _ in range(pairs)]
    found = compared(*values, seed=rng.randrange(1000))
    assert found.low is not None
    assert found.high is not None
    return found.low <= 0.4 <= found.high


def test_the_smallest_difference_that_could_be_shown_is_shown_four_times_in_five() -> None:
    rng = random.Random(11)
    true = (2.0 + 0.84) / math.sqrt(60)
    shown = sum(_is_shown(rng, true) for _ in range(24))
    # 80 % of 24, with a standard deviation of 2.
    assert 13 <= shown <= 24


def _is_shown(rng: random.Random, true: float) -> bool:
    values = [round(rng.gauss(true, 1.0), 1) for _ in range(60)]
    return compared(*values, seed=rng.randrange(1000)).verdict is Verdict.BETTER


def test_only_differences_that_the_pairs_do_not_show_need_more_of_them() -> None:
    assert smaller_differences(400, 0.5, (0.5, 0.25)) == [(0.25, 1600)]
    assert smaller_differences(400, 0.2, (0.5, 0.25)) == []


@pytest.mark.parametrize(("difference", "needed"), [(0.8, 50), (0.4, 200), (1.6, 13)])
def test_half_the_difference_needs_four_times_the_questions(difference: float, needed: int) -> None:
    assert questions_needed(50, 0.8, difference) == needed
