from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from bot.domain.normal_form import MAX_MARKS, is_mark, nfc

EVERY_CHARACTER = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]
MARKS = [char for char in EVERY_CHARACTER if is_mark(char)]

letters = st.sampled_from(["a", "ế", "\u0958", "각", "\u1112", "\u1161", "\U0001d15e", " "])
runs = st.tuples(letters | st.just(""), st.sampled_from(MARKS), st.integers(0, 70)).map(
    lambda parts: parts[0] + parts[1] * parts[2]
)
mixed = st.lists(st.sampled_from(MARKS), max_size=80).map("".join)
texts = st.lists(runs | mixed | letters, max_size=6).map("".join)


def longest_run(text: str) -> int:
    longest = run = 0
    for char in unicodedata.normalize("NFD", text):
        run = run + 1 if unicodedata.combining(char) else 0
        longest = max(longest, run)
    return longest


@given(texts)
def test_no_run_of_marks_is_longer_than_the_stream_safe_format_allows(text: str) -> None:
    assert longest_run(nfc(text)) <= MAX_MARKS


@given(texts)
def test_a_text_with_short_runs_is_only_normalized(text: str) -> None:
    if longest_run(text) <= MAX_MARKS:
        assert nfc(text) == unicodedata.normalize("NFC", text)


@given(texts)
def test_the_normal_form_is_its_own(text: str) -> None:
    once = nfc(text)
    assert nfc(once) == once == unicodedata.normalize("NFC", once)


def test_every_mark_of_unicode_is_cut() -> None:
    assert len(MARKS) > 900
    for mark in MARKS:
        text = nfc("a" + mark * 200 + "b")
        assert longest_run(text) <= MAX_MARKS
        assert text.endswith("b")


def test_hangul_in_pieces_is_put_together_whatever_its_length() -> None:
    assert nfc(unicodedata.normalize("NFD", "한국어" * 500)) == "한국어" * 500
    assert nfc("\u1112\u1161\u11ab" * 3) == "한한한"


def test_marks_of_a_language_are_kept() -> None:
    for text in ("Việt Nam", "ὗτος ἐστί", "ภาษาไทยที่นี่", "שָׁלוֹם", "क़लम", "ทึ่"):
        assert nfc(text) == unicodedata.normalize("NFC", text)
