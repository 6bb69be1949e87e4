"""Rows on their way to a file that is put together at the end: a line of JSON each."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

from bot.admin.exports.lists import Cell, Row
from bot.admin.web.labels import KST

#: The key of a moment: Korean time without its zone, which Excel does not know.
MOMENT = "at"


def json_lines(rows: Sequence[Row]) -> bytes:
    """The rows as lines of JSON."""
    lines = (json.dumps([_cell(cell) for cell in row], ensure_ascii=False) for row in rows)
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "replace")


def _cell(cell: Cell) -> object:
    if isinstance(cell, datetime):
        return {MOMENT: cell.astimezone(KST).replace(tzinfo=None).isoformat(timespec="seconds")}
    return cell
