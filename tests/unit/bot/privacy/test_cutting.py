"""Beginnings of texts that end with no part of a number."""

from __future__ import annotations

import re

import pytest

from bot.admin.turns.masked_beginning import masked_beginning
from bot.privacy.cutting import whole_beginning
from bot.privacy.masking import mask

NUMBERS = ("010-1234-5678", "０１０ １２３４ ５６７８", "900101-1234567", "kim.minsu@example.co.kr")


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("filler", ["가", "word ", "\u1100\u1161"])
def test_nothing_of_a_number_that_is_cut_is_left(number: str, filler: str) -> None:
    for place in range(100 - len(number), 101):
        text = (filler * 100)[:place] + number + filler * 50
        shown = mask(whole_beginning(text, 100))
        assert not re.search(r"[\d@]", shown), place


def test_a_number_that_is_spoken_is_not_cut_either() -> None:
    text = "가" * 94 + "공일공 일이삼사 오육칠팔"
    assert whole_beginning(text, 100) == "가" * 94


def test_a_text_that_is_whole_stays_as_it_is() -> None:
    assert whole_beginning("번호는 1234", 100) == "번호는 1234"


def test_blanks_do_not_bring_a_cut_number_into_the_line() -> None:
    assert not re.search(r"\d", masked_beginning("안녕" + " " * 590 + "010-1234-5678"))
    assert not re.search(r"\d", masked_beginning(f"{'a' * 290}@a.kr {'b' * 290}@b.kr 010-1234-56"))
