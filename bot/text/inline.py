"""Markdown inside one line as plain text: code, links, escapes and emphasis lose their markers.

Everything is an edit of a range of the line; what no edit touches stays as typed. One pass with
bounded look-ahead, so that the time grows with the length.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from html import unescape

from bot.text.emphasis import Delimiter, emphasis_markers

_TOKEN = re.compile(
    r"`+|\\[(\[]|\\.|!?\[|\]|<|\$|&|\*+|_+|~+|https?://[^\s<>()\[\]\"*`\u1100-\u11ff\u3130-\uffef]+"
)
#: What a line has at least where anything is edited: most lines have none of it.
_MARKUP = re.compile(r"[`\\<&]|\]\(|([*_~]).+\1")
_TICKS = re.compile(r"`+")
_AUTOLINK = re.compile(
    r"<(?:(?P<url>(?:https?|ftp)://[^\s<>]++)|(?:mailto:)?(?P<mail>[\w.+-]++@[\w.-]++))>"
)
_LINE_BREAK_TAG = re.compile(r"<br[ \t]*+/?>", re.IGNORECASE)
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_MATH = re.compile(r"\$\$[^$]++\$\$|\$(?=[^\s$])(?P<formula>[^$]{1,200})(?<=\S)\$(?!\d)")
_TARGET = re.compile(
    r"\([ \t]*+(?P<url><[^<>]*+>|[^\s()<>]*+(?:\([^\s()]*+\)[^\s()]*+)*+)"
    r"(?:[ \t]++\"[^\"]*+\")?[ \t]*+\)"
)
_ADDRESS = re.compile(
    r"(?:https?://|ftp://|//|mailto:|tel:)\S|www\.\S|#|\.{0,2}/|(?!\d+(?:\.\d+)*+\Z)[\w%-]++(?:[/.][\w%@=+~-]++)++",
    re.IGNORECASE,
)
_ABSOLUTE = re.compile(r"(?:https?|ftp)://|mailto:|tel:", re.IGNORECASE)
#: A word with a backslash before a letter is a path or a formula; with such signs, a pattern.
_BACKSLASH_WORD = re.compile(
    r"(?<!\S)(?=[A-Za-z]:\\|[^\s\\]*+\\)(?=[A-Za-z]:\\|\S*?(?:\\[^\W_]|[\^{}|+]))\S++"
)


def inline_text(line: str) -> str:
    """The line without the markers of inline Markdown."""
    return _Line(line).text() if _MARKUP.search(line) else line


class _Line:
    """Collects the edits of a line: (start, end, replacement)."""

    def __init__(self, line: str) -> None:
        self._line = line
        self._edits: list[tuple[int, int, str]] = []
        self._runs: list[Delimiter] = []
        self._brackets: list[tuple[int, int]] = []  # open ones: their ranges
        self._ticks: dict[int, list[int]] = {}
        for found in _TICKS.finditer(line):
            self._ticks.setdefault(len(found[0]), []).append(found.start())
        self._typed: list[tuple[int, int]] = []  # words whose backslashes stay
        if "\\" in line:
            self._typed = [found.span() for found in _BACKSLASH_WORD.finditer(line)]
        self._formula_ends = {"(": line.rfind("\\)"), "[": line.rfind("\\]")}

    def text(self) -> str:
        """The line with all edits made."""
        place = 0
        while found := _TOKEN.search(self._line, place):
            place = self._token(found)
        for start, end in emphasis_markers(self._line, self._runs):
            self._edits.append((start, end, ""))
        parts, place = [], 0
        for start, end, replacement in sorted(self._edits):
            parts += [self._line[place:start], replacement]
            place = end
        return "".join([*parts, self._line[place:]])

    def _token(self, found: re.Match[str]) -> int:
        """Handle one token; the place after everything that it covers."""
        match found[0][0]:
            case "`":
                return self._code(found)
            case "\\":
                return self._escape(found)
            case "!" | "[":
                self._brackets.append(found.span())
            case "]":
                return self._link(found.end())
            case "<":
                return self._angle(found)
            case "$":
                return self._formula(found)
            case "&":
                self._entity(found.start())
            case "*" | "_" | "~":
                self._runs.append(Delimiter(found.start(), len(found[0])))
        return found.end()

    def _drop(self, start: int, end: int, replacement: str = "") -> None:
        self._edits.append((start, end, replacement))

    def _code(self, opening: re.Match[str]) -> int:
        starts = self._ticks.get(len(opening[0]), [])
        number = bisect_right(starts, opening.start())
        if number == len(starts):
            return opening.end()
        start, end = opening.end(), starts[number]
        code = self._line[start:end]
        pad = 1 if code.strip() and code[0] == code[-1] == " " else 0
        self._drop(opening.start(), start + pad)
        self._drop(end - pad, end + len(opening[0]))
        return end + len(opening[0])

    def _escape(self, found: re.Match[str]) -> int:
        start, char = found.start(), found[0][1]
        if char in "([":
            # A formula, \( ... \): typed as it is to its end.
            if self._formula_ends[char] > start:
                return self._line.index("\\)" if char == "(" else "\\]", start) + 2
        elif self._is_escape(start, char):
            self._drop(start, start + 1)
        return found.end()

    def _is_escape(self, start: int, char: str) -> bool:
        number = bisect_right(self._typed, (start, len(self._line)))
        if number and start < self._typed[number - 1][1]:
            return False
        before, after = self._line[max(start - 1, 0) : start], self._line[start + 2 : start + 3]
        if char == "_":  # but for the arm of a shrug
            return before.isalnum() or after.isalnum() or "_" in before + after
        if char == "$":
            return after.isdecimal()
        return char in "*~#`<>"

    def _link(self, end: int) -> int:
        """A closing bracket: with an address after it, and an opening one, it is a link's."""
        if not self._brackets:
            return end
        start, label = self._brackets.pop()
        target = _TARGET.match(self._line, end)
        if target is None or not self._is_link(start, target["url"]):
            return end
        self._drop(start, label)
        begin, stop = target.span("url")
        if self._line[begin : begin + 1] == "<":
            begin, stop = begin + 1, stop - 1
        address = self._line[begin:stop].removeprefix("mailto:")
        if end - 1 == label:
            self._drop(end - 1, begin)
            self._drop(stop, target.end())
        elif self._is_repeated(label, end - 1, address):
            self._drop(end - 1, target.end())
        else:
            self._drop(end - 1, begin, " (")
            self._drop(stop, target.end(), self._line[stop : target.end()].lstrip(">"))
        return target.end()

    def _is_repeated(self, start: int, end: int, address: str) -> bool:
        same_length = end - start == len(address)
        is_address = "://" in address or "@" in address
        return is_address and same_length and self._line.startswith(address, start)

    def _is_link(self, start: int, url: str) -> bool:
        url = url.strip("<>")
        if not _ADDRESS.match(url):
            return False
        before = self._line[max(start - 1, 0) : start]
        indexes = (before.isascii() and before.isalnum()) or before in [*")]"]
        return not indexes or _ABSOLUTE.match(url) is not None

    def _angle(self, found: re.Match[str]) -> int:
        start = found.start()
        if tag := _LINE_BREAK_TAG.match(self._line, start):
            self._drop(*tag.span(), "\n")
            return tag.end()
        if link := _AUTOLINK.match(self._line, start):
            begin, stop = link.span("url" if link["url"] else "mail")
            self._drop(start, begin)
            self._drop(stop, link.end())
            return link.end()
        return found.end()

    def _formula(self, found: re.Match[str]) -> int:
        formula = _MATH.match(self._line, found.start())
        if formula is None:
            return found.end()
        inner = formula["formula"]
        if inner is None or (re.search(r"[\\^_*=]", inner) and "**" not in inner):
            return formula.end()
        return found.end()

    def _entity(self, start: int) -> None:
        if found := _ENTITY.match(self._line, start):
            char = unescape(found[0])
            if len(char) == 1 and (char.isprintable() or char == "\xa0"):
                self._drop(*found.span(), char)
