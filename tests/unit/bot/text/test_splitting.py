"""Texts in pieces that fit."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.text.splitting import shorten, split, utf16_units
from tests.support.cpu import cpu_s


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


def test_a_number_of_a_list_stays_with_its_text() -> None:
    assert list(split("가나다라마바사 아자\n1. 차카타", 15)) == ["가나다라마바사 아자", "1. 차카타"]
    assert list(split("가나다라마바사 1. 차카타", 12)) == ["가나다라마바사 1.", "차카타"]
    assert list(split("가나다라 마바사. 1. 차카타", 14)) == ["가나다라 마바사.", "1. 차카타"]


#: What a reader needs whole, each shorter than the limit of the tests below.
WHOLE = (
    "https://example.com/ko/길/a_b?x=1&y=2#z",
    "https://ko.wikipedia.org/wiki/배_(과일)",
    "www.example.co.kr/very/long/path",
    "1,234,567.89",
    "2026-11-26",
    "010-1234-5678",
    "3.14%",
    "kim.chulsoo+bot@example.com",
    "gpt-4o",
    "한국어텍스트",
    "👨\u200d👩\u200d👧\u200d👦",
    "🇰🇷",
)


@settings(max_examples=200)
@given(
    parts=st.lists(st.sampled_from(WHOLE), min_size=1, max_size=40),
    joints=st.lists(st.sampled_from([" ", "\n", "\n\n", " (", ") ", ". ", ", "]), min_size=40),
)
def test_no_word_number_address_or_emoji_is_cut(parts: list[str], joints: list[str]) -> None:
    text = "".join(part + joint for part, joint in zip(parts, joints, strict=False))
    pieces = list(split(text, 45, utf16_units))
    assert all(utf16_units(piece) <= 45 for piece in pieces)
    assert "".join("".join(pieces).split()) == "".join(text.split())
    for whole in WHOLE:
        assert sum(piece.count(whole) for piece in pieces) == text.count(whole), whole


def test_only_what_is_longer_than_the_limit_alone_is_cut() -> None:
    url = "https://example.com/" + "a" * 100
    pieces = list(split(f"주소는 {url} 이에요", 50))
    assert "".join(pieces).replace(" ", "") == f"주소는{url}이에요"
    assert pieces[0].startswith("주소는 https://example.com/a")
    assert list(split("네 " + "가" * 49, 50)) == ["네", "가" * 49]


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
        "\u1112\ud7b0\ud7cb",  # old Hangul
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


def test_the_cost_of_splitting_grows_with_the_length_only() -> None:
    def pieces(text: str) -> list[str]:
        return list(split(text, 900, utf16_units))

    assert len(pieces("가" * 100_000)) == 112
    assert cpu_s(pieces, "가" * 100_000) < 50 * cpu_s(pieces, "가" * 10_000)
