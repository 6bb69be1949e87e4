"""Markdown to plain text, and texts into pieces that fit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.text.markdown import plain_text
from tests.support.cpu import cpu_s


@pytest.mark.parametrize(
    ("markdown", "plain"),
    [
        ("안녕하세요", "안녕하세요"),
        ("# 제목\n본문", "제목\n\n본문"),
        ("첫 줄\n둘째 줄  \n셋째 줄", "첫 줄\n둘째 줄\n셋째 줄"),
        ("**굵게**와 *기울임*과 ~~지움~~", "굵게와 기울임과 지움"),
        # CommonMark itself leaves these stars standing, or pairs the wrong ones.
        ("**'경복궁'**은 한글**(漢字)**입니다", "'경복궁'은 한글(漢字)입니다"),
        ("1. **경복궁(景福宮)**: 조선의 *“법궁”*이다", "1. 경복궁(景福宮): 조선의 “법궁”이다"),
        ("가 * 나 ** 다* 라 *마", "가 * 나 ** 다* 라 *마"),
        ("snake_case와 2 * 3 * 4", "snake_case와 2 * 3 * 4"),
        ("- 하나\n- 둘\n  - 안\n* 셋", "• 하나\n• 둘\n  • 안\n\n• 셋"),
        ("3. 셋\n4. 넷\n   이어서", "3. 셋\n4. 넷\n  이어서"),
        ("1) 하나", "1) 하나"),
        ("- 하나\n\n  둘째 문단\n- 둘", "• 하나\n  둘째 문단\n• 둘"),
        ("> 인용\n> 둘", "> 인용\n> 둘"),
        ("[지도](https://map.kakao.com/?q=서울)", "지도 (https://map.kakao.com/?q=서울)"),
        ("<https://a.kr/x>", "https://a.kr/x"),
        ("<me@a.kr>", "me@a.kr"),
        ("[**굵은** 링크](https://a.kr)", "굵은 링크 (https://a.kr)"),
        ("![그림](https://a.kr/x.png)", "그림 (https://a.kr/x.png)"),
        ("[나쁨](javascript:alert(1))", "[나쁨](javascript:alert(1))"),
        ("[1]: https://a.kr", "[1]: https://a.kr"),
        ("`a*b*c` 코드", "a*b*c 코드"),
        ("```py\nif x:\n    y = '**'\n```", "if x:\n    y = '**'"),
        ("```py\n닫히지 않은", "닫히지 않은"),
        ("|이름|값|\n|-|-|\n|**가**|1<br>2|", "이름 | 값\n가 | 1 2"),
        ("위\n\n---\n\n아래", "위\n\n──────────\n\n아래"),
        ("<b>태그</b> &lt;x&gt; a<br/>b", "<b>태그</b> <x> a\nb"),
        (r"\*별\*", "*별*"),
        ("<|eot_id|>", "<|eot_id|>"),
        ("***", "──────────"),
        ("", ""),
        (" \n ", ""),
        ("[]()", "[]()"),
    ],
)
def test_markdown_becomes_what_a_person_reads(markdown: str, plain: str) -> None:
    assert plain_text(markdown) == plain


@given(st.text(alphabet="가나다 abc*_`#>-[]()|!<&\\\n1.~:", max_size=200))
def test_no_letter_is_lost_and_nothing_fails(markdown: str) -> None:
    def letters(text: str) -> list[str]:
        return sorted(c for c in text if "가" <= c <= "힣")

    # The word after an opening fence names the language, and is no part of the text.
    if "```" not in markdown and "~~~" not in markdown:
        assert letters(plain_text(markdown)) == letters(markdown)


@given(st.text(max_size=300))
def test_any_text_has_a_plain_form(text: str) -> None:
    assert bool(plain_text(text).strip()) == bool(text.strip())


@pytest.mark.parametrize(
    "unit", ["[", "![", "*a", "**", ">", "- ", "`", "<", "|a", "\\", "_a_", "(["]
)
def test_hostile_markdown_costs_little_more_than_any_other(unit: str) -> None:
    ordinary = cpu_s(plain_text, ("**굵게** 그리고 `코드` [여기](https://a.kr)\n" * 250)[:8000])
    assert cpu_s(plain_text, (unit * 8000)[:8000]) < 20 * ordinary


texts = st.text(alphabet=st.sampled_from("가나다. \n!요😀\u200d\u0301🇰 ab"), max_size=400)
