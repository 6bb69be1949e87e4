import re

import pytest

from bot.admin.turns.excerpt import Excerpt
from bot.admin.turns.masked_excerpt import masked_excerpt
from tests.support.cpu import cpu_s
from tests.support.linear_time import TextFunction, assert_linear


def test_personal_data_around_a_match_is_masked() -> None:
    shown = masked_excerpt("번호는 010-1234-5678이고 환불은 900101-1234567로", "환불")
    assert shown == Excerpt("번호는 [전화번호]이고 ", "환불", "은 [주민등록번호]로")


@pytest.mark.parametrize("place", [0, 80, 139, 140, 700, 5_000])
def test_no_part_of_a_number_is_shown_at_an_edge(place: int) -> None:
    for filler in ("가", " ", "가 "):
        text = (filler * 6_000)[:place] + "010-1234-5678" + (filler * 6_000)[:600] + "환불"
        for query in ("", "환불"):
            shown = masked_excerpt(text, query)
            assert not re.search(r"\d", shown.before + shown.match + shown.after)


def test_a_match_inside_of_masked_data_is_not_shown() -> None:
    shown = masked_excerpt("번호는 010-1234-5678이에요", "1234")
    assert shown == Excerpt("", "", "번호는 [전화번호]이에요")
    shown = masked_excerpt("번호는 010-1234-5678이고 1234호예요", "1234")
    assert shown == Excerpt("번호는 [전화번호]이고 ", "1234", "호예요")


def test_the_work_for_an_excerpt_does_not_grow_with_the_text() -> None:
    def shown(text: str) -> Excerpt:
        return masked_excerpt(text, "환불")

    short = "제 번호는 010-1234-5678이에요. " * 60 + "환불"
    assert cpu_s(shown, short * 16) < 6 * cpu_s(shown, short)


def test_excerpts_take_linear_time() -> None:
    assert_linear(TextFunction("excerpt", lambda text: masked_excerpt(text, "환 불"), 20_000))
    assert_linear(TextFunction("excerpt", lambda text: masked_excerpt(text, "a"), 20_000))
