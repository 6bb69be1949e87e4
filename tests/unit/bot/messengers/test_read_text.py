from __future__ import annotations

import unicodedata

import pytest

from bot.domain.messenger import Problem
from bot.messengers.parsing import MAX_JAMO, read_text


@pytest.mark.parametrize("marks", ["\u0301\u0323" * 150_000, "\u0301" * 300_000, "x" * 300_000])
def test_a_text_far_too_long_is_not_even_cleaned(marks: str) -> None:
    message = read_text("a" + marks, 4000)
    assert (message.text, message.problem) == ("", Problem.TOO_LONG)


def test_a_text_a_little_too_long_is_told_so() -> None:
    assert read_text("가" * 4001, 4000).problem is Problem.TOO_LONG


@pytest.mark.parametrize("syllable", ["가", "각", "힣"])
def test_hangul_in_pieces_counts_as_its_syllables(syllable: str) -> None:
    pieces = unicodedata.normalize("NFD", syllable * 4000)
    assert len(pieces) <= 4000 * MAX_JAMO
    message = read_text(pieces, 4000)
    assert (message.text, message.problem) == (syllable * 4000, None)


def test_blanks_around_a_text_do_not_count() -> None:
    assert read_text("\n" * 50_000 + "안녕" + " " * 50_000, 10).text == "안녕"


def test_marks_piled_on_a_letter_are_answered_like_any_text() -> None:
    message = read_text("안녕" + "\u0301" * 3000, 4000)
    assert message.problem is None
    assert len(message.text) < 40


@pytest.mark.parametrize("empty", ["", " \n", "\u3164", "\u0301\u200b"[1:]])
def test_nothing_visible_is_empty(empty: str) -> None:
    assert read_text(empty, 4000).problem is Problem.EMPTY
