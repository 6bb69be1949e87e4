import re

import pytest

from bot.admin.turns.masked_excerpt import MaskedExcerpt, masked_excerpt
from bot.store.search.words import Word
from tests.support.cpu import cpu_s
from tests.support.linear_time import TextFunction, assert_linear

REFUND = (Word("환불"),)


def test_personal_data_around_a_match_is_masked() -> None:
    found = masked_excerpt("번호는 010-1234-5678이고 환불은 900101-1234567로", REFUND)
    assert str(found.shown) == "번호는 [전화번호]이고 환불은 [주민등록번호]로"
    assert found.shown.marked == ("환불",)
    assert found.words == {Word("환불")}


@pytest.mark.parametrize("place", [0, 80, 139, 140, 700, 5_000])
def test_no_part_of_a_number_is_shown_at_an_edge(place: int) -> None:
    for filler in ("가", " ", "가 "):
        text = (filler * 6_000)[:place] + "010-1234-5678" + (filler * 6_000)[:600] + "환불"
        for words in ((), REFUND):
            assert not re.search(r"\d", str(masked_excerpt(text, words).shown))


def test_a_match_inside_of_masked_data_is_not_shown() -> None:
    found = masked_excerpt("번호는 010-1234-5678이에요", [Word("1234")])
    assert str(found.shown) == "번호는 [전화번호]이에요"
    assert not found.words
    found = masked_excerpt("번호는 010-1234-5678이고 1234호예요", [Word("1234")])
    assert str(found.shown) == "번호는 [전화번호]이고 1234호예요"
    assert found.shown.marked == ("1234",)


def test_of_several_words_those_that_masking_leaves_are_told() -> None:
    words = (Word("환불"), Word("1234"), Word("배송"))
    found = masked_excerpt("환불 번호는 010-1234-5678" + "가" * 3_000 + " 배송", words)
    assert found.words == {Word("환불"), Word("배송")}


def test_the_work_for_an_excerpt_does_not_grow_with_the_text() -> None:
    def shown(text: str) -> MaskedExcerpt:
        return masked_excerpt(text, REFUND)

    short = "제 번호는 010-1234-5678이에요. " * 60 + "환불"
    assert cpu_s(shown, short * 16) < 6 * cpu_s(shown, short)


@pytest.mark.parametrize(
    "word", [Word("환불"), Word("a"), Word("ㅎㅂ"), Word("a b", exact=True)], ids=str
)
def test_excerpts_take_linear_time(word: Word) -> None:
    assert_linear(TextFunction("excerpt", lambda text: masked_excerpt(text, [word]), 20_000))
