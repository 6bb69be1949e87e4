"""The words of the reports."""

from __future__ import annotations

import string

import pytest

from evaluation.comparing import Measure
from evaluation.records import NotJudged
from evaluation.reports import words
from evaluation.reports.words import Words


@pytest.mark.parametrize("name", sorted(words._WORDS))
def test_both_languages_have_the_same_places(name: str) -> None:
    korean, english = words._WORDS[name]
    places = [
        {field for _, field, _, _ in string.Formatter().parse(text) if field}
        for text in (korean, english)
    ]
    assert places[0] == places[1]
    assert any("가" <= letter <= "힣" for letter in korean)
    assert english.isascii() or "−" in english


@pytest.mark.parametrize("reason", list(NotJudged))
def test_every_reason_has_words(reason: NotJudged) -> None:
    assert Words("ko").reason(reason.value) != reason.value


@pytest.mark.parametrize("measure", list(Measure))
def test_every_measure_has_words(measure: Measure) -> None:
    assert Words("ko")(f"measure_{measure.value}") != f"measure_{measure.value}"


def test_a_category_stands_for_itself() -> None:
    assert Words("ko")("환불") == "환불"
