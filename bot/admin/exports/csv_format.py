"""CSV that Excel opens as it is: UTF-8 with its mark, Korean time, and no formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import datetime

from bot.admin.exports.lists import Cell, Row
from bot.admin.web.labels import stamp

#: Without it Excel reads Hangul in the code page of its system.
BYTE_ORDER_MARK = "\ufeff"
#: Begin a formula in Excel, LibreOffice or Google Sheets (OWASP, "CSV Injection"), the full-width
#: ones in East Asian versions; behind blanks, too.
FORMULA_SIGNS = "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20|%"
#: Makes a cell text.
GUARD = "'"


def defused(text: str) -> str:
    """The text behind a quote, where a spreadsheet would take it for a formula."""
    begins = text.lstrip(" \u00a0\u3000\u200b\ufeff")[:1]
    return GUARD + text if text[:1] in ("\t", "\r", "\n") or begins in _SIGNS else text


_SIGNS = frozenset(FORMULA_SIGNS)


def csv_lines(rows: Sequence[Row]) -> bytes:
    """The rows as lines of CSV (RFC 4180)."""
    lines = io.StringIO(newline="")
    writer = csv.writer(lines, lineterminator="\r\n")
    writer.writerows([_cell(cell) for cell in row] for row in rows)
    return lines.getvalue().encode("utf-8", "replace")


def csv_head(columns: Sequence[str]) -> bytes:
    """The mark, and the line with the names of the columns."""
    return BYTE_ORDER_MARK.encode() + csv_lines([columns])


def _cell(cell: Cell) -> str | int | float:
    if isinstance(cell, datetime):
        return stamp(cell)
    if isinstance(cell, str):
        return defused(cell)
    return "" if cell is None else cell
