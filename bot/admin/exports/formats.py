"""How the rows of a list become a file: at once, or put together at the end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bot.admin.exports.csv_format import csv_head, csv_lines
from bot.admin.exports.json_rows import json_lines
from bot.admin.exports.lists import Row
from bot.admin.exports.workbook_process import make_workbook
from bot.admin.exports.zip_format import make_zip
from bot.domain.exports import ExportFormat


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFormat:
    """A format of files."""

    content_type: str
    head: Callable[[Sequence[str]], bytes]  #: of the names of the columns; it begins the first part
    rows: Callable[[Sequence[Row]], bytes]  #: a part
    #: Makes the file of the parts; None: they are the file. Raises OSError where the disk is full.
    assemble: Callable[[AsyncIterator[bytes], Path], Awaitable[None]] | None = None

    @property
    def is_stream(self) -> bool:
        """Whether the parts are the file."""
        return self.assemble is None


FORMATS: dict[str, FileFormat] = {
    ExportFormat.CSV: FileFormat(content_type="text/csv", head=csv_head, rows=csv_lines),
    ExportFormat.XLSX: FileFormat(
        content_type="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        head=lambda columns: json_lines([columns]),
        rows=json_lines,
        assemble=make_workbook,
    ),
    # Rows of two cells, a file and a line of it, without names above.
    ExportFormat.DATASET: FileFormat(
        content_type="application/zip",
        head=lambda _: b"",
        rows=json_lines,
        assemble=make_zip,
    ),
}
