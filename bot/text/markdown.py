"""A model's Markdown as plain text.

A line keeps all that a reader needs: only what certainly is a marker is dropped, and a line that
is no heading, list, table or rule stays as typed. One pass over the lines; the time grows with
the length of the text, whatever it holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import count

from bot.text.fences import Fence, opening_fence
from bot.text.inline import inline_text

_RULE = "──────────"

_QUOTE = re.compile(r" {0,3}((?:>[ \t])+|>$)")
_RULE_LINE = re.compile(r"([-*_])(?:[ \t]*+\1){2,}+$")
_HEADING = re.compile(r"(#{1,6})[ \t]++(?=\S)")
_LIST_MARKER = re.compile(r"([-*]|\d{1,9}[.)])[ \t]++(?=\S)|(\d{1,9}[.)])$")
_ESCAPED_MARKER = re.compile(r"(\d{1,9})\\(?=[.)])|()\\(?=[-+#>])")
_TABLE_RULE = re.compile(r"\|?[ \t]*+:?-++:?[ \t]*+(?:\|[ \t]*+:?-++:?[ \t]*+)*+\|?$")
_CELL_TOKEN = re.compile(r"`+|\\.|\|")
_LANGUAGE = re.compile(r"\{?\.?[A-Za-z][A-Za-z0-9_+#.-]{0,19}\}?")
#: The lines around a formula of several lines.
_FORMULA_ENDS = {"$$": "$$", "\\[": "\\]"}


def plain_text(markdown: str) -> str:
    """The text for a chat without Markdown.

    Lists keep their bullets and numbers, links their address, code its text; a table row becomes a
    line. Empty only if ``markdown`` is blank.
    """
    page = _Page(markdown.split("\n"))
    return page.text() or markdown.strip()


class _Blocks:
    """The lines written so far; a blank line stands between two blocks."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._block = ""
        self.after_blank = False  #: the source has a blank line before the current one

    @property
    def in_paragraph(self) -> bool:
        """Whether the last line belongs to a paragraph that may go on."""
        return self._block == "paragraph" and not self.after_blank

    @property
    def in_indented_code(self) -> bool:
        """Whether an indented line is code here."""
        return self._block in {"", "indented"} or self.after_blank

    def begin(self, block: str, *, is_loose: bool = False) -> None:
        """Begin or continue a block; ``is_loose``: a blank line in it is kept."""
        if self._lines and (block != self._block or (is_loose and self.after_blank)):
            self._lines.append("")
        self._block = block

    def write(self, line: str) -> None:
        """Write a line of the block."""
        self._lines.append(line.rstrip())

    def text(self) -> str:
        """All lines."""
        return "\n".join(self._lines).strip("\n")


class _Page:
    """Reads the lines of a text, and writes them with the prefixes of their quotes and lists."""

    def __init__(self, source: Sequence[str]) -> None:
        self._source = source
        #: A line of tilde may be mere decoration: it opens code only where another can close it.
        self._last_tildes = max(
            (n for n, line in enumerate(source) if line.endswith("~~~")), default=-1
        )
        self._blocks = _Blocks()
        self._serial = count()
        self._quotes = 0
        self._items: list[int] = []  # the columns of the open list items' markers
        self._list = ""  # the marker of the outermost list
        self._mark = ""  # of a list item whose first line is not written yet
        self._fence: Fence | None = None
        self._formula_end = ""
        self._in_table = False

    def text(self) -> str:
        """The whole text."""
        for number, line in enumerate(self._source):
            self._read(number, line)
        self._flush_mark()
        return self._blocks.text()

    def _read(self, number: int, line: str) -> None:
        quotes, body = _without_quotes(line)
        bare = body.strip(" \t")
        if self._fence and quotes >= self._fence.quotes:
            self._read_code(line)
            return
        if self._formula_end:
            self._formula_end = "" if bare.endswith(self._formula_end) else self._formula_end
            self._write(bare)
            return
        self._fence = None
        if quotes != self._quotes:
            self._quotes, self._items, self._in_table = quotes, [], False
        if not bare:
            self._blocks.after_blank, self._in_table = True, False
            return
        self._read_block(number, body, bare)
        self._blocks.after_blank = False

    def _read_block(self, number: int, body: str, bare: str) -> None:
        indent = len(body[: len(body) - len(body.lstrip(" \t"))].expandtabs(4))
        if self._in_table and "|" in bare:
            if not (_TABLE_RULE.match(bare) and self._is_table_rule(number)):
                self._write_row(bare)
            return
        self._in_table = False
        if not self._open_literal(number, indent, bare):
            self._read_text(number, indent, body, bare)

    def _read_text(self, number: int, indent: int, body: str, bare: str) -> None:
        if _RULE_LINE.match(bare):
            self._begin("rule", indent)
            self._write(_RULE)
        elif heading := _HEADING.match(bare):
            self._begin("heading", indent)
            self._write_inline(_heading_text(bare, heading))
        elif marker := self._list_marker(bare):
            self._begin_item(indent, marker[1] or marker[2])
            self._read_item(number, indent + marker.end(), bare[marker.end() :])
        elif "|" in bare and number + 1 < len(self._source) and self._is_table_rule(number + 1):
            self._begin("table", indent)
            self._in_table = True
            self._write_row(bare)
        else:
            self._read_paragraph(indent, body, bare)

    # --- literal text -------------------------------------------------------------------------

    def _open_literal(self, number: int, indent: int, bare: str) -> bool:
        """Begin code or a formula, if the line does."""
        if bare in _FORMULA_ENDS:
            self._formula_end = _FORMULA_ENDS[bare]
            self._begin("formula", indent)
            self._write(bare)
            return True
        fence = opening_fence(bare)
        if fence is None or (fence.marker[0] == "~" and self._last_tildes <= number):
            return False
        self._begin("code", indent)
        self._fence = Fence(fence.marker, indent=indent, quotes=self._quotes)
        if fence.info and not _LANGUAGE.fullmatch(fence.info):
            self._write(fence.info)
        return True

    def _read_code(self, line: str) -> None:
        fence = self._fence
        assert fence is not None  # noqa: S101 - for mypy
        _, body = _without_quotes(line, fence.quotes)
        if fence.closed_by(body):
            self._fence = None
            self._flush_mark()
            return
        blanks = len(body) - len(body.lstrip(" "))
        self._write(body[min(blanks, fence.indent) :])

    # --- text ---------------------------------------------------------------------------------

    def _list_marker(self, bare: str) -> re.Match[str] | None:
        found = _LIST_MARKER.match(bare)
        if found is None or not bare[0].isdecimal():
            return found
        # As in CommonMark, only a list that begins with 1 may interrupt a paragraph.
        interrupts = self._blocks.in_paragraph and not self._items and not self._quotes
        return None if interrupts and not bare.startswith(("1.", "1)")) else found

    def _begin_item(self, indent: int, marker: str) -> None:
        self._flush_mark()
        self._items = [column for column in self._items if column < indent - 1]
        if not self._items:
            self._list = marker[-1]
        self._items.append(indent)
        self._blocks.begin(self._container())
        self._mark = "• " if marker in "-*" else f"{marker} "

    def _read_item(self, number: int, indent: int, rest: str) -> None:
        if self._open_literal(number, indent, rest):
            return
        heading = _HEADING.match(rest)
        self._write_inline(_heading_text(rest, heading) if heading else rest)

    def _read_paragraph(self, indent: int, body: str, bare: str) -> None:
        is_lazy = not indent and not self._blocks.after_blank
        if not (self._items and is_lazy):
            self._leave_items(indent)
        if self._items:
            self._begin_block("paragraph")
            self._write_inline(_unescaped(bare))
        elif indent >= 4 and self._blocks.in_indented_code:
            self._begin_block("indented")
            self._write(body)
        else:
            self._begin_block("paragraph")
            self._write_inline(body[: len(body) - len(body.lstrip(" \t"))] + _unescaped(bare))

    def _is_table_rule(self, number: int) -> bool:
        bare = _without_quotes(self._source[number])[1].strip(" \t")
        return "|" in bare and _TABLE_RULE.match(bare) is not None

    def _write_row(self, bare: str) -> None:
        cells = (inline_text(cell.replace("\\|", "|")) for cell in _cells(bare))
        self._write(" | ".join(cell.replace("\n", " ") for cell in cells))

    # --- blocks and prefixes ------------------------------------------------------------------

    def _begin(self, kind: str, indent: int) -> None:
        """Begin a block that ends the list items it is not indented below."""
        if not self._mark:
            self._leave_items(indent)
        self._begin_block(f"{kind} {next(self._serial)}")

    def _begin_block(self, block: str) -> None:
        is_loose = not self._items
        self._blocks.begin(self._container() or block, is_loose=is_loose)

    def _container(self) -> str:
        if self._quotes:
            return "quote"
        return f"list {self._list}" if self._items else ""

    def _leave_items(self, indent: int) -> None:
        self._items = [column for column in self._items if column < indent]

    def _write_inline(self, text: str) -> None:
        for line in inline_text(text).split("\n"):
            self._write(line)

    def _write(self, line: str) -> None:
        depth = len(self._items) - (1 if self._mark else 0)
        self._blocks.write("> " * self._quotes + "  " * depth + self._mark + line)
        self._mark = ""

    def _flush_mark(self) -> None:
        """Write the marker of an item without text."""
        if self._mark:
            self._write("")


def _heading_text(bare: str, heading: re.Match[str]) -> str:
    """The text of a heading; closing hashes are dropped where they are as many as before it."""
    text = bare[heading.end() :]
    stripped = text.rstrip("#")
    is_closed = len(text) - len(stripped) == len(heading[1]) > 1 and stripped.endswith((" ", "\t"))
    return stripped if is_closed else text


def _unescaped(bare: str) -> str:
    """The line without the backslash that keeps its beginning from being a marker."""
    found = _ESCAPED_MARKER.match(bare)
    return f"{found[1] or ''}{bare[found.end() :]}" if found else bare


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
