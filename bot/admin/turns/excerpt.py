"""The part of a text that a list shows: its beginning, or the surroundings of the match."""

from __future__ import annotations

from dataclasses import dataclass

from bot.store.search import folded

#: Code points of an excerpt, and of its part before a match.
LENGTH = 140
_LEAD = 40


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Three parts of one line; ``match`` is empty where nothing was searched for or found."""

    before: str
    match: str = ""
    after: str = ""


def excerpt(text: str, query: str = "") -> Excerpt:
    """One line of ``text``. It must be masked already: in a part, masking could miss a number."""
    line = " ".join(text.split())
    start, end = _place(line, folded(query))
    left = max(0, start - _LEAD) if start + _LEAD > LENGTH else 0
    right = max(left + LENGTH, end)
    before = ("…" if left else "") + line[left:start]
    after = line[end:right].rstrip() + ("…" if right < len(line) else "")
    return Excerpt(before, line[start:end], after)


def _place(line: str, needle: str) -> tuple[int, int]:
    """Where ``needle`` begins and ends in ``line``, compared as search compares; or (0, 0)."""
    letters = [(low, place) for place, char in enumerate(line) for low in folded(char)]
    found = "".join(low for low, _ in letters).find(needle) if needle else -1
    if found < 0:
        return 0, 0
    return letters[found][1], letters[found + len(needle) - 1][1] + 1
