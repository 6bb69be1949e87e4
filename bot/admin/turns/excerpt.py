"""The part of a text that a list shows: its beginning, or the surroundings of the match."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

from bot.privacy.masking import mask
from bot.store.search import folded

#: Code points of an excerpt, and of its part before a match.
LENGTH = 140
_LEAD = 40
#: Code points around an excerpt that are masked with it, so that no number is cut before masking.
_MARGIN = 600
#: Matches that are tried: one may stand in what is masked.
_MAX_MATCHES = 3


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Three parts of one line; ``match`` is empty where nothing was searched for or found."""

    before: str
    match: str = ""
    after: str = ""


def masked_excerpt(text: str, query: str = "") -> Excerpt:
    """The excerpt of a text with its personal data masked.

    The work is bounded: only what stands around the match is masked.
    """
    line = " ".join(text.split())
    for place in _matches(line, query):
        around = line[max(place - _MARGIN, 0) : place + LENGTH + _MARGIN]
        shown = excerpt(mask(around), query)
        if shown.match:
            return shown
    return excerpt(mask(line[: LENGTH + _MARGIN]))


def _matches(line: str, query: str) -> list[int]:
    needle = " ?".join(map(re.escape, folded(query)))
    found = re.finditer(needle, line, re.IGNORECASE) if needle else ()
    return [match.start() for match in islice(found, _MAX_MATCHES)]


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
    letters = [(low, place) for place, char in enumerate(line) for low in _folded_char(char)]
    found = "".join(low for low, _ in letters).find(needle) if needle else -1
    if found < 0:
        return 0, 0
    return letters[found][1], letters[found + len(needle) - 1][1] + 1


_folded_char = lru_cache(maxsize=8192)(folded)
