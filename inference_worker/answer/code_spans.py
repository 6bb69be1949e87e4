"""Whether a growing text is inside code: a fence, or an inline span of its last line.

And what opens the code block again in which a text ends.
"""

from __future__ import annotations

import re

_FENCE = re.compile(r" {0,3}(?:```|~~~)")
_FENCE_CHARS = 6
_OPENING = re.compile(r" *(?P<line>(?P<marker>`{3,}|~{3,})[^`\n]*)$")


class CodeSpans:
    """Reads a text piece by piece, in linear time."""

    def __init__(self) -> None:
        self._is_fenced = False
        self._begin_line()

    @property
    def is_inside(self) -> bool:
        """Whether the next character is code."""
        return self._is_fenced or self._ticks % 2 == 1

    def push(self, text: str) -> None:
        """Read on."""
        first, *lines = text.split("\n")
        self._extend(first)
        for line in lines:
            self._begin_line()
            self._extend(line)

    def _begin_line(self) -> None:
        self._head, self._ticks, self._is_fence_line = "", 0, False

    def _extend(self, part: str) -> None:
        self._head = (self._head + part[:_FENCE_CHARS])[:_FENCE_CHARS]
        self._ticks += part.count("`")
        if not self._is_fence_line and _FENCE.match(self._head):
            self._is_fenced, self._is_fence_line = not self._is_fenced, True


def reopening(text: str) -> str:
    """The line that opens the code block again in which ``text`` ends; empty outside a block.

    Without its line feed where the text ends within that line.
    """
    line = marker = ""
    opened_at, rows = 0, text.split("\n")
    for at, row in enumerate(rows):
        bare = row.strip()
        if marker and bare.startswith(marker) and not bare.strip(marker[0]):
            line = marker = ""
        elif not marker and (found := _OPENING.match(row)):
            line, marker, opened_at = found["line"], found["marker"], at
    return line if not line or opened_at == len(rows) - 1 else f"{line}\n"
