"""The hashes under which a turn is found."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bot.admin.search.turn_hashes import sizes_between
from bot.store.search.folding import grams
from bot.store.search.keys import gram_hash, segment_keys

numbers = st.floats(0, 2.0**45)


@given(numbers, numbers, numbers)
def test_a_number_within_a_range_has_one_of_its_hashes(
    first: float, number: float, last: float
) -> None:
    low, middle, high = sorted((first, number, last))
    [own] = sizes_between("latency", middle, middle)
    assert own in sizes_between("latency", low, high)


@given(st.integers(16, 2**27))
def test_a_number_a_quarter_larger_has_another_size(number: int) -> None:
    assert sizes_between("tokens", number, number) != sizes_between(
        "tokens", number * 1.25 + 1, number * 1.25 + 1
    )


@given(st.text(min_size=2))
def test_every_key_fits_into_an_integer_of_postgres(text: str) -> None:
    hashes = [gram_hash(gram) for gram in grams(text)]
    for segment in (0, 1, 4095, 4096, 10**6):
        assert all(-(2**31) <= key < 2**31 for key in segment_keys(segment, hashes))


def test_neighbouring_syllables_have_different_hashes() -> None:
    syllables = [chr(code) for code in range(0xAC00, 0xAC00 + 60)]
    hashes = {gram_hash(first + second) for first in syllables for second in syllables}
    assert len(hashes) > 0.95 * len(syllables) ** 2


def test_segments_do_not_share_keys() -> None:
    assert not set(segment_keys(1, range(1000))) & set(segment_keys(2, range(1000)))
