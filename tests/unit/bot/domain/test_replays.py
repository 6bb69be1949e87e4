"""The coin that decides which answer stands left."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bot.domain.replays import (
    Preference,
    ReplayOptions,
    Side,
    new_stands_left,
    preference,
    side_of,
)
from inference_queue.background.protocol import Target
from inference_queue.protocol import SamplingParams

seeds = st.integers(0, 2**63 - 1)
positions = st.integers(1, 2**31 - 1)


@given(seeds, positions)
def test_the_coin_falls_the_same_way_each_time(seed: int, position: int) -> None:
    assert new_stands_left(seed, position) is new_stands_left(seed, position)


@given(seeds)
def test_the_coin_is_fair_over_the_items_of_a_replay(seed: int) -> None:
    left = sum(new_stands_left(seed, position) for position in range(1, 2_001))
    # Seven standard deviations: a fair coin leaves it once in 10^11 replays.
    assert abs(left - 1_000) < 7 * 22.4


@given(seeds, seeds)
def test_replays_have_coins_of_their_own(one: int, other: int) -> None:
    falls = [[new_stands_left(seed, n) for n in range(128)] for seed in (one, other)]
    assert (falls[0] == falls[1]) is (one == other)


@given(st.sampled_from(Side), st.booleans())
def test_a_side_means_one_preference_and_back(side: Side, new_left: bool) -> None:
    chosen = preference(side, new_left=new_left)
    assert side_of(chosen, new_left=new_left) is side


@given(st.booleans())
def test_the_side_of_the_new_answer_is_a_vote_for_it(new_left: bool) -> None:
    side = Side.LEFT if new_left else Side.RIGHT
    assert preference(side, new_left=new_left) is Preference.NEW
    other = Side.RIGHT if new_left else Side.LEFT
    assert preference(other, new_left=new_left) is Preference.OLD


def test_options_are_read_as_they_were_stored() -> None:
    options = ReplayOptions(
        target=Target(model="m", engine="local", adapter="polite"),
        preset="demo",
        system_prompt="짧게",
        temperature=0.0,
        seed=3,
    )
    assert ReplayOptions.load({**options.dump(), "colour": "blue"}) == options
    assert ReplayOptions.load({}) == ReplayOptions()


def test_only_what_is_set_changes_the_sampling() -> None:
    sampling = SamplingParams(temperature=0.6, top_p=0.9)
    assert ReplayOptions().applied_to(sampling) == sampling
    changed = ReplayOptions(temperature=0.0, max_new_tokens=9).applied_to(sampling)
    assert (changed.temperature, changed.top_p, changed.max_new_tokens) == (0.0, 0.9, 9)
