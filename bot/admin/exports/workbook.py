"""``python -m bot.admin.exports.workbook FILE``: rows of JSON on standard input, as a workbook.

A process of its own: a hundred thousand rows take half a minute, in which no thread of the bot may
hold the interpreter. Its memory does not grow with the rows.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.worksheet._write_only import WriteOnlyWorksheet

#: Of Excel ("Excel specifications and limits").
MAX_CELL_CHARS = 32_767
#: With the line of names.
MAX_SHEET_ROWS = 1_048_576
#: XML 1.0 has no such characters.
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
_CUT = "…"
#: The gentlest: webhooks come first.
_NICENESS = 19


def write_workbook(lines: Iterable[str], target: Path) -> None:
    """Write a workbook with one sheet; the first line holds the names of the columns.

    Text stays text, whatever it begins with. Raises OSError where the disk is full.
    """
    book = Workbook(write_only=True)
    sheet = book.create_sheet()
    sheet.freeze_panes = "A2"
    for line in lines:
        sheet.append(list(_cells(sheet, json.loads(line))))
    book.save(target)


def _cells(sheet: WriteOnlyWorksheet, row: list[object]) -> Iterator[object]:
    for value in row:
        if isinstance(value, str):
            cell = WriteOnlyCell(sheet, value=_storable(value))
            # Otherwise a text that begins with "=" is a formula.
            cell.data_type = "s"
            yield cell
        elif isinstance(value, dict):
            yield datetime.fromisoformat(value["at"])
        else:
            yield value


def _storable(text: str) -> str:
    text = _NOT_XML.sub("", text)
    return text if len(text) <= MAX_CELL_CHARS else text[: MAX_CELL_CHARS - 1] + _CUT


if __name__ == "__main__":
    os.nice(_NICENESS)
    sys.stdin.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    write_workbook(sys.stdin, Path(sys.argv[1]))
