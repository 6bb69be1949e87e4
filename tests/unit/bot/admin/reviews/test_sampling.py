"""Samples of turns: fair, reproducible, and stratified."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from bot.admin.reviews.sampling import (
    MAX_STRATA,
    Candidate,
    FirstSampler,
    RandomSampler,
    Sampler,
    StratifiedSampler,
)

NOON = datetime(2026, 11, 26, 3, tzinfo=UTC)


def turns(count: int, stratum: str = "") -> list[Candidate]:
    return [Candidate(UUID(int=number * 7919 + hash_of(stratum)), NOON, stratum)
            for number in range(count)]  # fmt: skip


def hash_of(stratum: str) -> int:
    return int.from_bytes(stratum.encode()) << 64


def drawn(sampler: Sampler, candidates: list[Candidate]) -> list[Candidate]:
    for candidate in candidates:
        sampler.add(candidate)
    return sampler.chosen()


def test_the_first_sampler_stops_when_it_is_full() -> None:
    sampler = FirstSampler(3)
    assert drawn(sampler, turns(2)) == turns(2)
    assert not sampler.is_full()
    assert drawn(sampler, turns(2)) == [*turns(2), turns(1)[0]]
    assert sampler.is_full()


@given(st.randoms(), st.integers(1, 60))
def test_a_seed_chooses_the_same_turns_in_whatever_order_they_come(
    rng: random.Random, size: int
) -> None:
    log = turns(50)
    shuffled = rng.sample(log, len(log))
    assert drawn(RandomSampler(size, 4), shuffled) == drawn(RandomSampler(size, 4), log)
    assert len(drawn(RandomSampler(size, 4), log)) == min(size, 50)


def test_another_seed_chooses_others() -> None:
    log = turns(500)
    assert drawn(RandomSampler(20, 1), log) != drawn(RandomSampler(20, 2), log)


def test_each_turn_has_the_same_chance() -> None:
    log = turns(20)
    times = Counter(one for seed in range(2000) for one in drawn(RandomSampler(5, seed), log))
    # 500 are expected of each; five standard deviations are 97.
    assert min(times[one] for one in log) > 400
    assert max(times.values()) < 600


def test_of_each_stratum_the_same_number_is_taken() -> None:
    log = [*turns(500, "kakao"), *turns(80, "slack"), *turns(3, "generic")]
    chosen = drawn(StratifiedSampler(43, 9), log)
    assert Counter(one.stratum for one in chosen) == {"kakao": 20, "slack": 20, "generic": 3}
    assert {one.stratum for one in chosen[:3]} == {"kakao", "slack", "generic"}
    assert drawn(StratifiedSampler(43, 9), log[::-1]) == chosen


def test_beyond_the_maximum_strata_are_one() -> None:
    log = [one for number in range(3 * MAX_STRATA) for one in turns(1, f"{number:03}")]
    assert len(drawn(StratifiedSampler(1000, 1), log)) == 3 * MAX_STRATA


def test_a_smaller_sample_is_the_beginning_of_a_larger_one() -> None:
    log = turns(100)
    assert drawn(RandomSampler(10, 3), log) == drawn(RandomSampler(40, 3), log)[:10]
