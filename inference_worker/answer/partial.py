"""Text at the end of a chunk that may be the beginning of a string that is searched for."""

from __future__ import annotations

from collections.abc import Iterable


class Beginnings:
    """Finds the end of a text with which one of ``strings`` may begin."""

    def __init__(self, strings: Iterable[str]) -> None:
        self._strings = tuple(strings)
        self._first = frozenset(string[0] for string in self._strings)
        self._longest = max(map(len, self._strings), default=1) - 1

    def length_at_end(self, text: str) -> int:
        """Length of the longest such end; 0: none. A whole string is not a beginning."""
        tail = text[len(text) - min(self._longest, len(text)) :]
        for at, character in enumerate(tail):
            if character in self._first and self._may_begin(tail[at:]):
                return len(tail) - at
        return 0

    def _may_begin(self, end: str) -> bool:
        return any(string.startswith(end) and string != end for string in self._strings)
