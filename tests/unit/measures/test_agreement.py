"""Agreement beyond chance: against published examples, and what must hold for any data."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from measures.agreement import (
    MIN_UNITS,
    Unit,
    alpha_of,
    cohen_kappa,
    count_units,
    estimate,
    kappa_of,
    krippendorff_alpha,
)

#: Krippendorff (2011), section C: four observers, twelve units, missing values as dots.
KRIPPENDORFF_2011 = (
    "1 2 3 3 2 1 4 1 2 . . .",
    "1 2 3 3 2 2 4 1 2 5 . 3",
    ". 3 3 3 2 3 4 2 2 5 1 .",
    "1 2 3 3 2 4 4 1 2 5 1 .",
)

judgements = st.sampled_from(["good", "bad", "unsafe"])
all_units = st.lists(st.lists(judgements, max_size=5), max_size=30)


def published_units() -> list[list[str]]:
    rows = [row.split() for row in KRIPPENDORFF_2011]
    return [[value for value in unit if value != "."] for unit in zip(*rows, strict=True)]


def test_alpha_is_what_krippendorff_publishes() -> None:
    alpha = krippendorff_alpha(published_units())
    assert alpha is not None
    assert round(alpha, 3) == 0.743


def test_alpha_of_two_observers_of_binary_data_is_what_krippendorff_publishes() -> None:
    # Section A of the same paper: ten units, alpha = 0.095.
    first, second = "0100000010", "1110010000"
    alpha = krippendorff_alpha([[a, b] for a, b in zip(first, second, strict=True)])
    assert alpha is not None
    assert round(alpha, 3) == 0.095


def test_kappa_corrects_the_share_of_agreement_by_chance() -> None:
    # 35 of 50 agree; 25 and 30 yeses give 25 by chance: (35 - 25) / (50 - 25).
    pairs = {("y", "y"): 20, ("y", "n"): 5, ("n", "y"): 10, ("n", "n"): 15}
    kappa = cohen_kappa(Counter(pairs).elements())
    assert kappa == pytest.approx(0.4)


def test_those_who_always_contradict_each_other_are_below_chance() -> None:
    assert cohen_kappa([("y", "n"), ("n", "y")]) == pytest.approx(-1)
    alpha = krippendorff_alpha([["y", "n"]] * 20)
    assert alpha is not None
    assert alpha < 0


def test_without_two_different_judgements_nothing_is_defined() -> None:
    assert krippendorff_alpha([]) is None
    assert krippendorff_alpha([["good"], ["bad"]]) is None
    assert krippendorff_alpha([["good", "good"]] * 5) is None
    assert cohen_kappa([]) is None
    assert cohen_kappa([("good", "good")] * 5) is None


@given(all_units, st.randoms())
def test_alpha_is_the_same_in_any_order_of_turns_and_reviewers(
    units: list[list[str]], rng: random.Random
) -> None:
    shuffled = [rng.sample(unit, len(unit)) for unit in units]
    rng.shuffle(shuffled)
    assert krippendorff_alpha(shuffled) == pytest.approx(krippendorff_alpha(units))


@given(all_units)
def test_alpha_does_not_care_for_the_names_of_judgements(units: list[list[str]]) -> None:
    renamed = [[f"as-{value[::-1]}" for value in unit] for unit in units]
    assert krippendorff_alpha(renamed) == pytest.approx(krippendorff_alpha(units))


@given(st.lists(st.tuples(judgements, st.integers(2, 5)), min_size=1, max_size=30))
def test_all_of_one_mind_is_one(turns: list[tuple[str, int]]) -> None:
    alpha = krippendorff_alpha([[value] * reviewers for value, reviewers in turns])
    kappa = cohen_kappa((value, value) for value, _ in turns)
    expected = None if len({value for value, _ in turns}) == 1 else 1
    assert alpha == expected
    assert kappa == expected


@given(st.lists(st.tuples(judgements, judgements), max_size=30))
def test_kappa_is_symmetric_and_at_most_one(pairs: list[tuple[str, str]]) -> None:
    kappa = cohen_kappa(pairs)
    assert cohen_kappa((b, a) for a, b in pairs) == pytest.approx(kappa)
    assert kappa is None or -1 <= kappa <= 1


@given(all_units)
def test_alpha_is_at_most_one_and_of_turns_with_two_reviews_only(units: list[list[str]]) -> None:
    alpha = krippendorff_alpha(units)
    assert alpha is None or alpha <= 1
    several = [unit for unit in units if len(unit) > 1]
    assert krippendorff_alpha(several) == alpha


def test_the_interval_holds_the_value_and_narrows_with_more_turns() -> None:
    few = count_units([["y", "y"]] * 20 + [["n", "n"]] * 15 + [["y", "n"]] * 5)
    many = {unit: 20 * count for unit, count in few.items()}
    found, narrow = (estimate(units, alpha_of) for units in (few, many))
    assert found.units == 40
    for one in (found, narrow):
        assert one.value is not None
        assert one.low is not None
        assert one.high is not None
        assert one.low < one.value < one.high
    assert narrow.high - narrow.low < (found.high - found.low) / 3  # type: ignore[operator]


def test_the_interval_of_kappa_is_that_of_its_large_sample_variance() -> None:
    # Fleiss, Cohen and Everitt (1969): p_o (1 - p_o) / (n (1 - p_e)^2) and two smaller terms;
    # with equal marginals and as many of either judgement, these are (1 - kappa^2) / n in all.
    pairs: dict[Unit, int] = {("y", "y"): 450, ("n", "n"): 450, ("y", "n"): 50, ("n", "y"): 50}
    found = estimate(pairs, kappa_of)
    assert found.value == pytest.approx(0.8)
    half = 1.962 * ((1 - 0.8**2) / 1000) ** 0.5
    assert found.low == pytest.approx(0.8 - half, abs=0.001)
    assert found.high == pytest.approx(0.8 + half, abs=0.001)


def test_nineteen_of_twenty_intervals_hold_what_is_true() -> None:
    rng, held = random.Random(11), 0
    for _ in range(400):
        truth = [rng.random() < 0.7 for _ in range(150)]
        judged = ((rng.random() < 0.92) == one for one in truth)
        again = ((rng.random() < 0.92) == one for one in truth)
        pairs: Counter[Unit] = Counter((str(a), str(b)) for a, b in zip(judged, again, strict=True))
        found = estimate(pairs, kappa_of)
        agree, yes = 0.92**2 + 0.08**2, 0.7 * 0.92 + 0.3 * 0.08
        chance = yes**2 + (1 - yes) ** 2
        assert found.low is not None
        assert found.high is not None
        held += found.low <= (agree - chance) / (1 - chance) <= found.high
    assert 0.92 < held / 400 < 0.98


@given(all_units)
def test_an_interval_lies_between_minus_one_and_one(units: list[list[str]]) -> None:
    found = estimate(count_units(units), alpha_of)
    if found.low is not None and found.high is not None:
        assert found.value is not None
        assert -1 <= found.low <= found.value <= found.high <= 1


def test_a_few_turns_have_a_value_but_no_interval() -> None:
    units: dict[Unit, int] = {("n", "n"): 1, ("y", "y"): MIN_UNITS - 2}
    found = estimate(units, kappa_of)
    assert (found.value, found.low, found.high) == (1, None, None)


def test_where_all_hangs_on_one_turn_there_is_no_interval() -> None:
    units: dict[Unit, int] = {("n", "n"): 1, ("y", "y"): 99}
    found = estimate(units, kappa_of)
    assert (found.value, found.low, found.high) == (1, None, None)
