"""The files of a replay: UTF-8, no formulas, one line an item."""

from __future__ import annotations

import csv
import io
import json

from hypothesis import given
from hypothesis import strategies as st

from bot.admin.exports.csv_format import defused
from bot.admin.replay.exported import COLUMNS, Cell, csv_lines, json_lines

words = st.text(max_size=60)


def a_row(**changes: Cell) -> dict[str, Cell]:
    return dict.fromkeys(COLUMNS, None) | {"position": 1} | changes


@given(st.sampled_from([*"=+-@\t\r", " =", "\u3000@", "＝", "＋"]), words)
def test_what_a_spreadsheet_would_compute_becomes_text(begins: str, rest: str) -> None:
    text = f"{begins}{rest}".replace("\0", "")
    [row] = csv.reader(io.StringIO(csv_lines([a_row(question=text)]), newline=""))
    assert row[COLUMNS.index("question")] == f"'{text}"


def test_numbers_stay_numbers() -> None:
    assert csv_lines([a_row(replay=3, position=-5)]).startswith("3,-5,")


@given(st.lists(words.filter(lambda text: "\0" not in text), min_size=1, max_size=5))
def test_each_item_is_a_row_that_csv_reads_back(texts: list[str]) -> None:
    written = csv_lines([a_row(question=text) for text in texts])
    rows = list(csv.reader(io.StringIO(written, newline="")))
    found = [row[COLUMNS.index("question")] for row in rows]
    assert found == [defused(text) for text in texts]


@given(st.lists(words, max_size=5))
def test_each_item_is_a_line_of_json_as_it_is(texts: list[str]) -> None:
    written = json_lines([a_row(question=text) for text in texts])
    lines = written.split("\n")[:-1]
    assert [json.loads(line)["question"] for line in lines] == texts
    assert not written or "\\u" not in json_lines([a_row(question="환불")])
