"""Excerpts of long texts: only what is shown, and what stands around it, is masked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import islice

from bot.admin.turns.excerpt import LENGTH, Excerpt, excerpt
from bot.domain.normal_form import nfc
from bot.privacy.cutting import whole_beginning
from bot.privacy.masking import mask
from bot.store.search.words import Word

#: Code points around an excerpt that are masked with it, so that no number is cut before masking.
_MARGIN = 600
#: Read of a text that no word is looked for in; lists without a search read no more of it.
_READ_CHARS = 600
#: Matches of a word that are tried: one may stand in what is masked.
_MAX_MATCHES = 3


@dataclass(frozen=True, slots=True)
class MaskedExcerpt:
    """An excerpt without personal data, and the words that the whole masked text has."""

    shown: Excerpt
    words: frozenset[Word] = field(default=frozenset())


def masked_excerpt(text: str, words: Sequence[Word] = ()) -> MaskedExcerpt:
    """The excerpt of a text with its personal data masked; a match in such data is no match."""
    line = " ".join(nfc(text).split())
    # Words of one text often have the same surroundings.
    masked = cache(mask)
    found = ((word, _visible(line, word, masked)) for word in words)
    visible = {word: place for word, place in found if place is not None}
    if not visible:
        beginning = whole_beginning(text, _READ_CHARS)
        return MaskedExcerpt(excerpt(mask(" ".join(nfc(beginning).split()))))
    shown = excerpt(next(iter(visible.values())), words)
    return MaskedExcerpt(shown, frozenset(visible))


def _visible(line: str, word: Word, masked: Callable[[str], str]) -> str | None:
    """The masked surroundings of a match that masking leaves; None: there is none."""
    pattern = word.compiled()
    around = (masked(part) for part in _surroundings(line, word))
    return next((part for part in around if pattern.search(part)), None)


def _surroundings(line: str, word: Word) -> Iterator[str]:
    for match in islice(word.compiled().finditer(line), _MAX_MATCHES):
        place = match.start()
        yield line[max(place - _MARGIN, 0) : place + LENGTH + _MARGIN]
