"""A model's Markdown as plain text.

A line keeps all that a reader needs: only what certainly is a marker is dropped, and a line that
is no heading, list, table or rule stays as typed. One pass over the lines; the time grows with
the length of the text, whatever it holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from bot.text.fences import Fence, opening_fence
from bot.text.inline import inline_text
from bot.text.layout import Layout

_RULE = "──────────"

_QUOTE = re.compile(r" {0,3}((?:>[ \t])+|>$)")
#: But "_ _ _ _" is to be filled in, and "* * * * *" is a time of cron.
_RULE_LINE = re.compile(r"(?:-(?:[ \t]*+-){2,}+|\*[ \t]*+\*[ \t]*+\*|\*{3,}+|_{3,}+)$")
_HEADING = re.compile(r"(#{1,6})[ \t]++(?=\S)")
_LIST_MARKER = re.compile(r"(-|\*(?![ \t]++\*(?:[ \t]|$))|\d{1,9}[.)])[ \t]++(?=\S)|(\d{1,9}[.)])$")
_ESCAPED_MARKER = re.compile(r"(\d{1,9})\\(?=[.)])|()\\(?=[-+#>])")
_TABLE_RULE = re.compile(r"\|?[ \t]*+:?-++:?[ \t]*+(?:\|[ \t]*+:?-++:?[ \t]*+)*+\|?$")
_CELL_TOKEN = re.compile(r"`+|\\.|\|")
_LANGUAGE = re.compile(r"\{?\.?[A-Za-z][A-Za-z0-9_+#.-]{0,19}\}?")
_NO_TABLE = -1
#: The most columns that a row in one line shows.
_MAX_COLUMNS = 2
#: The longest name of a column that each row may repeat.
_MAX_NAME_CHARS = 20
_TASK = re.compile(r"\[([ xX])\][ \t]++(?=\S)")
#: The lines around a formula of several lines.
_FORMULA_ENDS = {"$$": "$$", "\\[": "\\]"}


def plain_text(markdown: str) -> str:
    """The text for a chat without Markdown.

    Lists keep their bullets and numbers, links their address, code its text. A row of a table
    becomes a line; of three and more columns, which no phone shows beside each other, an item
    with a line for each cell. Empty only if ``markdown`` is blank.
    """
    page = _Page(markdown.split("\n"))
    return page.text() or markdown.strip()


class _Page:
    """Reads the lines of a text; each keeps what is no marker."""

    def __init__(self, source: Sequence[str]) -> None:
        self._source = source
        #: A line of tildes may be mere decoration: it opens code only where another can close it.
        self._last_tildes = max(
            (n for n, line in enumerate(source) if line.endswith("~~~")), default=-1
        )
        self._layout = Layout()
        self._fence: Fence | None = None  # of the open code
        self._formula_end = ""  # of the open formula
        self._table = _NO_TABLE  # the line of the open table's rule
        self._columns: list[str] = []  # their names, where the rows become items

    def text(self) -> str:
        """The whole text."""
        for number, line in enumerate(self._source):
            self._read(number, line)
        return self._layout.text()

    def _read(self, number: int, line: str) -> None:
        quotes, body = _without_quotes(line)
        bare = body.strip(" \t")
        if self._fence and quotes >= self._fence.quotes:
            self._read_code(self._fence, line)
            return
        if self._formula_end:
            self._formula_end = "" if bare.endswith(self._formula_end) else self._formula_end
            self._layout.write(bare)
            return
        if quotes != self._layout.quotes or "|" not in bare:
            self._table = _NO_TABLE
        self._fence = None
        self._layout.enter_quotes(quotes)
        if bare:
            self._read_block(number, body, bare)
        self._layout.after_blank = not bare

    def _read_block(self, number: int, body: str, bare: str) -> None:
        indent = len(body[: len(body) - len(body.lstrip(" \t"))].expandtabs(4))
        if self._table != _NO_TABLE:
            if number != self._table:
                self._write_row(bare)
        elif not self._open_literal(number, indent, bare):
            self._read_text(number, indent, body, bare)

    def _read_text(self, number: int, indent: int, body: str, bare: str) -> None:
        if _RULE_LINE.match(bare):
            self._layout.begin(f"rule {number}", indent)
            self._layout.write(_RULE)
        elif _HEADING.match(bare):
            self._layout.begin(f"heading {number}", indent)
            self._write(_without_hashes(bare))
        elif marker := self._list_marker(bare):
            self._layout.begin_item(indent, marker[1] or marker[2])
            rest = bare[marker.end() :]
            if not self._open_literal(number, indent + marker.end(), rest):
                self._write(_without_hashes(_ticked(rest)))
        elif "|" in bare and self._is_table_rule(number + 1):
            self._layout.begin(f"table {number}", indent)
            self._table = number + 1
            self._open_table(bare)
        else:
            self._read_paragraph(indent, body, bare)

    def _read_paragraph(self, indent: int, body: str, bare: str) -> None:
        if indent >= 4 and self._layout.in_indented_code:
            self._layout.begin("indented", indent)
            self._layout.write(body)
            return
        self._layout.begin("paragraph", indent, is_lazy=not indent)
        shift = "" if self._layout.in_item else body[: len(body) - len(body.lstrip(" \t"))]
        self._write(shift + _unescaped(bare))

    def _list_marker(self, bare: str) -> re.Match[str] | None:
        found = _LIST_MARKER.match(bare)
        if found is None or not bare[0].isdecimal() or bare.startswith(("1.", "1)")):
            return found
        # As in CommonMark, only a list that begins with 1 may interrupt a paragraph.
        return None if self._layout.in_paragraph else found

    def _open_literal(self, number: int, indent: int, bare: str) -> bool:
        """Begin code or a formula, if the line does."""
        if bare in _FORMULA_ENDS:
            self._formula_end = _FORMULA_ENDS[bare]
            self._layout.begin(f"formula {number}", indent)
            self._layout.write(bare)
            return True
        fence = opening_fence(bare)
        if fence is None or (fence.marker[0] == "~" and self._last_tildes <= number):
            return False
        self._layout.begin(f"code {number}", indent)
        self._fence = Fence(fence.marker, indent=indent, quotes=self._layout.quotes)
        if fence.info and not _LANGUAGE.fullmatch(fence.info):
            self._layout.write(fence.info)
        return True

    def _read_code(self, fence: Fence, line: str) -> None:
        _, body = _without_quotes(line, fence.quotes)
        if fence.closed_by(body):
            self._fence = None
            self._layout.end_item()
            return
        blanks = len(body) - len(body.lstrip(" "))
        self._layout.write(body[min(blanks, fence.indent) :])

    def _is_table_rule(self, number: int) -> bool:
        if number >= len(self._source):
            return False
        bare = _without_quotes(self._source[number])[1].strip(" \t")
        return "|" in bare and _TABLE_RULE.match(bare) is not None

    def _open_table(self, header: str) -> None:
        rule, row = (_without_quotes(line)[1] for line in self._following(2))
        columns = _plain_cells(header)
        is_wide = min(len(columns), len(_plain_cells(rule.strip(" \t")))) > _MAX_COLUMNS
        may_repeat = all(len(name) <= _MAX_NAME_CHARS for name in columns)
        self._columns = columns if is_wide and may_repeat and "|" in row else []
        if not self._columns:
            self._write_row(header)

    def _following(self, count: int) -> Sequence[str]:
        """The lines from the open table's rule on."""
        lines = self._source[self._table : self._table + count]
        return [*lines, *[""] * (count - len(lines))]

    def _write_row(self, bare: str) -> None:
        cells = _plain_cells(bare)
        if not self._columns:
            self._layout.write(" | ".join(cells))
            return
        self._layout.write(f"• {cells[0] if cells else ''}")
        for number, cell in enumerate(cells[1:], 1):
            name = self._columns[number] if number < len(self._columns) else ""
            if cell:
                self._layout.write(f"  {name}: {cell}" if name else f"  {cell}")

    def _write(self, text: str) -> None:
        for line in inline_text(text).split("\n"):
            self._layout.write(line)


def _without_hashes(line: str) -> str:
    """A heading's text, any other line as it is.

    Closing hashes are dropped where they are as many as before the text.
    """
    heading = _HEADING.match(line)
    if heading is None:
        return line
    text = line[heading.end() :]
    stripped = text.rstrip("#")
    is_closed = len(text) - len(stripped) == len(heading[1]) > 1 and stripped.endswith((" ", "\t"))
    return stripped if is_closed else text


def _ticked(item: str) -> str:
    """The text of a list item, with a box in place of a task's brackets."""
    task = _TASK.match(item)
    if task is None:
        return item
    return f"{'☐' if task[1] == ' ' else '☑'} {item[task.end() :]}"


def _unescaped(bare: str) -> str:
    """The line without the backslash that keeps its beginning from being a marker."""
    found = _ESCAPED_MARKER.match(bare)
    return f"{found[1] or ''}{bare[found.end() :]}" if found else bare


def _plain_cells(row: str) -> list[str]:
    """The cells of a table row as plain text in one line each."""
    return [inline_text(cell.replace("\\|", "|")).replace("\n", " ") for cell in _cells(row)]


def _cells(row: str) -> Iterator[str]:
    """The cells of a table row; a pipe inside code or after a backslash divides nothing."""
    ticks = ""
    begin = 1 if row.startswith("|") else 0
    for found in _CELL_TOKEN.finditer(row, begin):
        if found[0][0] == "`":
            ticks = "" if ticks == found[0] else ticks or found[0]
        elif found[0] == "|" and not ticks:
            yield row[begin : found.start()].strip()
            begin = found.end()
    if row[begin:].strip() or not row.endswith("|"):
        yield row[begin:].strip()


def _without_quotes(line: str, limit: int | None = None) -> tuple[int, str]:
    """The depth of the quotes at the beginning of a line (at most ``limit``), and the rest.

    Only "> " is a quote: what begins with >=, >> or >_< is text.
    """
    found = _QUOTE.match(line)
    if found is None or limit == 0:
        return 0, line
    depth = found[1].count(">")
    if limit is None or depth <= limit:
        return depth, line[found.end() :]
    return limit, line[found.start(1) + 2 * limit :]
