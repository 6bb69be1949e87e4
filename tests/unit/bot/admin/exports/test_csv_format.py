"""CSV: no cell is a formula, every text comes back, and Hangul survives Excel."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.admin.exports.csv_format import FORMULA_SIGNS, GUARD, csv_head, csv_lines, defused

#: As texts come out of the store: without NUL and lone surrogates.
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60)
dangerous = st.sampled_from(FORMULA_SIGNS)
blanks = st.text(" \u00a0\u3000\u200b", max_size=3)


def read(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode("utf-8"), newline="")))


@given(texts)
def test_no_text_begins_a_formula_and_each_can_be_read_back(text: str) -> None:
    shown = defused(text)
    assert shown.lstrip(" \u00a0\u3000\u200b\ufeff")[:1] not in set(FORMULA_SIGNS) - {""}
    assert shown in (text, GUARD + text)


@given(blanks, dangerous, texts)
def test_what_a_spreadsheet_takes_for_a_formula_is_guarded(
    blank: str, sign: str, rest: str
) -> None:
    assert defused(blank + sign + rest).startswith(GUARD)


@pytest.mark.parametrize(
    "text", ["=1+1", "+82-10", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1", "  =1", "\u3000＋1"]
)
def test_known_attacks_are_guarded(text: str) -> None:
    assert defused(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "안녕", "1+1", "a=b", "'=1", " 안녕"])
def test_harmless_texts_stay(text: str) -> None:
    assert defused(text) == text


@given(st.lists(st.lists(texts, min_size=2, max_size=4), max_size=5))
def test_rows_come_back_as_they_were(rows: list[list[str]]) -> None:
    assert read(csv_lines(rows)) == [[defused(cell) for cell in row] for row in rows]


def test_numbers_stay_numbers_and_moments_are_korean_time() -> None:
    moment = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
    assert csv_lines([[-5, 1.5, None, moment, "한글"]]) == (
        "-5,1.5,,2026-11-20 12:00:00,한글\r\n".encode()
    )


def test_the_file_begins_with_the_mark_that_excel_wants() -> None:
    assert csv_head(["이름", "=A1"]) == b"\xef\xbb\xbf" + "이름,'=A1\r\n".encode()
