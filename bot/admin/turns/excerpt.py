"""The part of a text that a list shows: its beginning, or the surroundings of a match."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from bot.domain.normal_form import nfc
from bot.store.search.words import Word

#: Code points of an excerpt, and of its part before a match.
LENGTH = 120
_LEAD = 40


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of an excerpt."""

    text: str
    marked: bool = False  #: it matches a word of the search


@dataclass(frozen=True, slots=True)
class Excerpt:
    """One line in parts; none is marked where nothing was searched for or found."""

    parts: tuple[Part, ...] = ()

    def __str__(self) -> str:
        return "".join(part.text for part in self.parts)

    @property
    def marked(self) -> tuple[str, ...]:
        """The matches, in the order of the line."""
        return tuple(part.text for part in self.parts if part.marked)


def excerpt(text: str, words: Sequence[Word] = ()) -> Excerpt:
    """One line of ``text`` around the first match, with every match marked.

    The text must be masked already: in a part, masking could miss a number.
    """
    line = " ".join(nfc(text).split())
    places = list(_disjoint(sorted(chain.from_iterable(_matches(line, word) for word in words))))
    start, end = places[0] if places else (0, 0)
    left = max(0, start - _LEAD) if start + _LEAD > LENGTH else 0
    right = max(left + LENGTH, end)
    parts = _parts(line, left, right, places)
    return Excerpt(tuple(part for part in parts if part.text))


def _matches(line: str, word: Word) -> Iterator[tuple[int, int]]:
    return (match.span() for match in word.compiled().finditer(line))


def _disjoint(places: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    reached = 0
    for start, end in places:
        if start >= reached:
            yield start, end
        elif end > reached:
            yield reached, end
        reached = max(reached, end)


def _parts(line: str, left: int, right: int, places: Sequence[tuple[int, int]]) -> Iterator[Part]:
    at = left
    before = "…" if left else ""
    for start, end in places:
        if start < right and end <= right:
            yield Part(before + line[at:start])
            yield Part(line[start:end], marked=True)
            at, before = end, ""
    rest = line[at:right].rstrip() if at < right else ""
    yield Part(before + rest + ("…" if right < len(line) else ""))
