"""Code fences of Markdown (CommonMark 4.5), as far as a cut through a text has to know them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from bot.text.splitting import Size, shorten, split

_QUOTE = re.compile(r" {0,3}> ?")
_LIST_MARKER = re.compile(r"(?:[-*+]|\d{1,9}[.)])(?:[ \t]+|$)")
_OPENING = re.compile(r"(?P<marker>`{3,}|~{3,})[ \t]*(?P<info>[^\n]*)$")

#: Longer closing lines and info strings are not written: no answer has them.
_MAX_CLOSING_CHARS = 60
_MAX_INFO_CHARS = 20
#: What an opening or a closing line may need.
_RESERVE = 102


@dataclass(frozen=True, slots=True)
class Fence:
    """An open fence: its marker, what is written after it, and the containers around it."""

    marker: str  #: three or more backticks or tildes
    info: str = ""
    indent: int = 0  #: columns before the marker, after the quotes
    quotes: int = 0  #: depth of the block quotes around it
    item: int = 0  #: columns that a line of its list item has at least; 0: in no list

    def closed_by(self, line: str) -> bool:
        """Whether ``line`` (without quotes) is a closing fence: as long or longer, and bare."""
        bare = line.strip(" \t")
        return bare.startswith(self.marker) and not bare.strip(self.marker[0])

    @property
    def closing(self) -> str:
        """The line that closes it where it is open."""
        return "> " * self.quotes + " " * self.indent + self.marker

    @property
    def opening(self) -> str:
        """The line that opens it."""
        info = self.info if len(self.info) <= _MAX_INFO_CHARS else ""
        return "> " * self.quotes + " " * self.indent + self.marker + info


def opening_fence(line: str) -> Fence | None:
    """The fence that ``line`` (without quotes and list markers) opens, if it does."""
    bare = line.lstrip(" \t")
    found = _OPENING.match(bare)
    if found is None or (bare[0] == "`" and "`" in found["info"]):
        return None
    return Fence(found["marker"], found["info"].strip(), indent=_columns(line, bare))


class FenceTracker:
    """Reads a text line by line and knows the fence that is open after each."""

    def __init__(self, fence: Fence | None = None) -> None:
        self.open = fence
        self._items: list[int] = []  # the columns at which the open list items' texts begin
        self._quotes = 0
        self._after_blank = True

    def feed(self, line: str) -> None:
        """Read the next line, without its line feed."""
        limit = self.open.quotes if self.open else None
        quotes, rest = without_quotes(line, limit)
        bare = rest.lstrip(" \t")
        indent = _columns(rest, bare)
        fence = self.open
        if fence and quotes == fence.quotes and (not bare or indent >= fence.item):
            if indent - fence.item < 4 and fence.closed_by(rest):
                self.open = None
            return
        if fence:  # its quote or its list item is over, and it with them
            self.open = None
            quotes, rest = without_quotes(line, None)
            bare = rest.lstrip(" \t")
            indent = _columns(rest, bare)
        self._feed_text(quotes, indent, bare)

    def _feed_text(self, quotes: int, indent: int, bare: str) -> None:
        if quotes != self._quotes:
            self._quotes, self._items = quotes, []
        if not bare:
            self._after_blank = True
            return
        if self._after_blank or _LIST_MARKER.match(bare) or bare[0] in "`~#":
            self._items = [column for column in self._items if column <= indent]
        self._after_blank = False
        indent, bare = self._enter_items(indent, bare)
        item = self._items[-1] if self._items else 0
        fence = opening_fence(bare) if indent - item < 4 else None
        if fence:
            self.open = Fence(fence.marker, fence.info, indent, quotes, item)

    def _enter_items(self, indent: int, bare: str) -> tuple[int, str]:
        """Read list markers; the column and the text after them."""
        while (found := _LIST_MARKER.match(bare)) and len(self._items) < 100:
            if indent - (self._items[-1] if self._items else 0) >= 4:
                break  # indented code
            width = len(found[0].expandtabs(4))
            self._items.append(indent + width)
            indent, bare = indent + width, bare[found.end() :]
        return indent, bare


def open_fence(text: str) -> Fence | None:
    """The fence that is open at the end of ``text``."""
    tracker = FenceTracker()
    for line in text.split("\n"):
        tracker.feed(line)
    return tracker.open


def closed(text: str) -> str:
    """``text`` with its open fence closed, so that what follows is no code."""
    fence = open_fence(text)
    if fence is None or len(fence.closing) > _MAX_CLOSING_CHARS:
        return text
    return f"{text}\n{fence.closing}"


def shorten_markdown(text: str, limit: int, size: Size = len) -> str:
    """The text if it fits ``limit``, else its beginning and "…"; no fence is left open.

    ``limit`` is 400 or more.
    """
    whole = closed(text)
    if size(whole) <= limit:
        return whole
    return with_ellipsis(shorten(text, limit - _RESERVE, size).removesuffix("…"))


def with_ellipsis(text: str) -> str:
    """``text`` with "…" after it, and its open fence closed."""
    _, last = without_quotes(text[text.rfind("\n") + 1 :])
    is_fence = last.lstrip(" \t").startswith(("```", "~~~"))
    return closed(f"{text}\n…" if is_fence else f"{text}…")


def split_markdown(text: str, limit: int, size: Size = len) -> Iterator[str]:
    """Pieces of at most ``limit``, each of them Markdown of its own.

    A fence that is open at a cut is closed with its own marker and opened again in the next piece.
    ``limit`` is 400 or more.
    """
    fence: Fence | None = None
    for raw in split(text, limit - 2 * _RESERVE, size):
        piece, fence = _piece(raw, fence)
        yield piece


def _piece(raw: str, inside: Fence | None) -> tuple[str, Fence | None]:
    """The piece with its fences opened and closed, and the one that the next piece begins in."""
    again = Fence(inside.marker, inside.info, quotes=inside.quotes) if inside else None
    lines = [again.opening] if again else []
    tracker = FenceTracker(inside)
    for line in raw.split("\n"):
        was_inside = inside is not None and tracker.open is inside
        tracker.feed(line)
        if inside is None or again is None or not was_inside:
            lines.append(line)
            continue
        _, code = without_quotes(line, inside.quotes)
        now = tracker.open
        if now is inside or (now is None and inside.closed_by(code)):
            shown = _dedented(code, inside.indent)
            # Four columns in, the marker was code: it must not close what was opened again.
            ends_early = now is inside and again.closed_by(shown)
            lines.append("> " * inside.quotes + (code if ends_early else shown))
        else:
            lines += [again.closing, line]  # its list or its quote is over
    left = tracker.open
    last = again if left is inside else left
    if left is None or last is None or len(last.closing) > _MAX_CLOSING_CHARS:
        return "\n".join(lines), None
    return "\n".join([*lines, last.closing]), left


def _dedented(code: str, columns: int) -> str:
    """A line of code without the indentation of its list item."""
    return code[min(len(code) - len(code.lstrip(" ")), columns) :]


def without_quotes(line: str, limit: int | None = None) -> tuple[int, str]:
    """The depth of the quotes at the beginning of a line (at most ``limit``), and the rest."""
    depth = place = 0
    while (limit is None or depth < limit) and (found := _QUOTE.match(line, place)):
        depth, place = depth + 1, found.end()
    return depth, line[place:]


def _columns(line: str, bare: str) -> int:
    return len(line[: len(line) - len(bare)].expandtabs(4))
