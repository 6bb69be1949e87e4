"""Markdown to plain text, and texts into pieces that fit."""

from __future__ import annotations

import time
import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.text.markdown import plain_text
from bot.text.splitting import shorten, split, utf16_units


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
def test_hostile_markdown_takes_no_time(unit: str) -> None:
    begin = time.perf_counter()
    assert plain_text((unit * 8000)[:8000])
    assert time.perf_counter() - begin < 0.7


def test_pieces_end_at_paragraphs_then_sentences_then_words() -> None:
    assert list(split("가나다라마바.\n\n사아자차 카타파하", 12)) == [
        "가나다라마바.",
        "사아자차 카타파하",
    ]
    assert list(split("가나다 라마. 바사 아자", 10)) == ["가나다 라마.", "바사 아자"]
    assert list(split("가나다 라마요 바사 아자", 10)) == ["가나다 라마요", "바사 아자"]
    assert list(split("가나다 “라마.” 바사 아자차", 12)) == ["가나다 “라마.”", "바사 아자차"]
    assert list(split("가나다 라마바 사아", 8)) == ["가나다 라마바", "사아"]
    assert list(split("가나다라마바사아자차", 4)) == ["가나다라", "마바사아", "자차"]


def test_code_keeps_its_indentation_after_a_cut() -> None:
    assert list(split("aaaaaaa\n    bbb\n    ccc", 16)) == ["aaaaaaa\n    bbb", "    ccc"]


@pytest.mark.parametrize(
    "letter",
    [
        "👨\u200d👩\u200d👧\u200d👦",
        "👍🏽",
        "🇰🇷",
        "❤️",
        "1\ufe0f\u20e3",
        "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
        unicodedata.normalize("NFD", "한"),
        "e\u0301\u0323",
    ],
)
@pytest.mark.parametrize("size", [len, utf16_units])
def test_a_visible_letter_is_never_parted(letter: str, size: Callable[[str], int]) -> None:
    pieces = list(split(letter * 40, 25, size))
    assert "".join(pieces) == letter * 40
    assert all(len(piece) % len(letter) == 0 for piece in pieces)
    assert all(size(piece) <= 25 for piece in pieces)


def test_letters_without_end_are_parted_at_the_limit() -> None:
    pieces = list(split("e" + "\u0301" * 500, 100))
    assert "".join(pieces) == "e" + "\u0301" * 500
    assert all(len(piece) <= 100 for piece in pieces)


def test_an_emoji_counts_as_the_platforms_count_it() -> None:
    assert utf16_units("가a") == 2
    assert utf16_units("😀") == 2
    assert utf16_units("\ud800") == 1


texts = st.text(alphabet=st.sampled_from("가나다. \n!요😀\u200d\u0301🇰 ab"), max_size=400)


@settings(max_examples=200)
@given(text=texts, limit=st.integers(2, 60))
@example(text=" " * 50, limit=10)
@example(text="가" + " " * 50 + "나", limit=10)
def test_pieces_fit_and_keep_all_but_blanks(text: str, limit: int) -> None:
    for size in (len, utf16_units):
        pieces = list(split(text, limit, size))
        assert all(size(piece) <= limit for piece in pieces)
        assert all(piece.strip() for piece in pieces)
        assert "".join("".join(pieces).split()) == "".join(text.split())
        # No piece is needlessly small: two neighbours never fit into one.
        assert len(pieces) <= 2 * (size(text) // limit + 1) + text.count(" ") + text.count("\n")


@given(text=texts, limit=st.integers(3, 60))
@example(text="  \U0001f1f0", limit=3)
def test_a_shortened_text_fits(text: str, limit: int) -> None:
    short = shorten(text, limit, utf16_units)
    assert utf16_units(short) <= limit
    if short not in (text, text.strip()):
        assert short.endswith("…")
        assert text.strip().startswith(short.removesuffix("…"))


def test_long_texts_are_split_fast() -> None:
    begin = time.perf_counter()
    assert len(list(split("가" * 100_000, 900, utf16_units))) == 112
    assert time.perf_counter() - begin < 2.0
