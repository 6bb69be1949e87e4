"""Workbooks: texts are texts, whatever they hold, and memory does not grow with the rows."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook

from bot.admin.exports.workbook import MAX_CELL_CHARS, write_workbook


def written(folder: Path, rows: list[list[object]]) -> list[list[tuple[object, str]]]:
    target = folder / "file.xlsx"
    write_workbook((json.dumps(row, ensure_ascii=False) for row in rows), target)
    sheet = load_workbook(target).active
    return [[(cell.value, cell.data_type) for cell in row] for row in sheet.iter_rows()]


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30))
def test_any_text_is_a_text_and_no_formula(tmp_path: Path, text: str) -> None:
    for shown in (text, f"={text}"):
        [[(value, kind)]] = written(tmp_path, [[shown]])
        assert kind != "f"
        assert value is None or isinstance(value, str)


def test_a_text_longer_than_a_cell_is_cut_with_a_sign(tmp_path: Path) -> None:
    [[(value, _)]] = written(tmp_path, [["가" * 40_000]])
    assert isinstance(value, str)
    assert len(value) == MAX_CELL_CHARS
    assert value.endswith("…")


def test_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    def peak(rows: int) -> int:
        def lines() -> Iterator[str]:
            for number in range(rows):
                yield json.dumps([number, "글" * 200])

        tracemalloc.start()
        write_workbook(lines(), tmp_path / "file.xlsx")
        _, highest = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return highest

    peak(10)
    assert peak(2_000) < 2 * peak(200) + 1_000_000
