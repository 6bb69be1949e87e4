"""The part of a text that a list shows: its beginning, or the surroundings of the match."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from bot.domain.normal_form import nfc

#: Code points of an excerpt, and of its part before a match.
LENGTH = 140
_LEAD = 40
#: Code points folded at once; only in the chunk of a match they are counted one by one.
_CHUNK = 256


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Three parts of one line; ``match`` is empty where nothing was searched for or found."""

    before: str
    match: str = ""
    after: str = ""


def excerpt(text: str, query: str = "") -> Excerpt:
    """One line of ``text``. It must be masked already: in a part, masking could miss a number."""
    line = " ".join(nfc(text).split())
    start, end = _place(line, _letters(nfc(query)))
    left = max(0, start - _LEAD) if start + _LEAD > LENGTH else 0
    right = max(left + LENGTH, end)
    before = ("…" if left else "") + line[left:start]
    after = line[end:right].rstrip() + ("…" if right < len(line) else "")
    return Excerpt(before, line[start:end], after)


def _place(line: str, needle: str) -> tuple[int, int]:
    """Where ``needle`` begins and ends in ``line``, compared as search compares; or (0, 0)."""
    chunks = [line[at : at + _CHUNK] for at in range(0, len(line), _CHUNK)]
    letters = [_letters(chunk) for chunk in chunks]
    found = "".join(letters).find(needle) if needle else -1
    if found < 0:
        return 0, 0
    starts = list(accumulate(map(len, letters), initial=0))
    last = found + len(needle) - 1
    return _place_of(found, chunks, starts), _place_of(last, chunks, starts) + 1


def _place_of(letter: int, chunks: Sequence[str], starts: Sequence[int]) -> int:
    """The place in the line of a letter; ``starts``: the number of each chunk's first letter."""
    number = bisect_right(starts, letter) - 1
    ends = accumulate(len(_letters(char)) for char in chunks[number])
    return number * _CHUNK + bisect_right(list(ends), letter - starts[number])


def _letters(text: str) -> str:
    """What a search compares of a text in NFC, letter by letter: a final sigma is like any."""
    return "".join(text.lower().split()).replace("ς", "σ")
