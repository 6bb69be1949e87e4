import unicodedata

import pytest

from bot.store.search.folding import MAX_GRAMS, grams


def test_grams_are_distinct_pairs_without_white_space() -> None:
    assert grams("환불 규정") == ["환불", "불규", "규정"]
    assert grams("하하하하") == ["하하"]
    assert grams("A\u3000b\nC") == ["ab", "bc"]


@pytest.mark.parametrize("short", ["", " ", "환", "\n환\t"])
def test_less_than_a_pair_has_no_grams(short: str) -> None:
    assert grams(short) == []


def test_decomposed_hangul_has_the_same_grams() -> None:
    assert grams(unicodedata.normalize("NFD", "환불규정")) == ["환불", "불규", "규정"]


def test_pairs_are_code_points() -> None:
    assert grams("🎉🎊👍") == ["🎉🎊", "🎊👍"]


def test_their_number_is_bounded() -> None:
    every_syllable = "".join(chr(code) for code in range(0xAC00, 0xAC00 + MAX_GRAMS + 50))
    assert len(grams(every_syllable)) == MAX_GRAMS
