"""Excerpts of long texts: only what is shown, and what stands around it, is masked."""

from __future__ import annotations

import re
from itertools import islice

from bot.admin.turns.excerpt import LENGTH, Excerpt, excerpt
from bot.privacy.masking import mask
from bot.store.search import folded

#: Code points around an excerpt that are masked with it, so that no number is cut before masking.
_MARGIN = 600
#: Matches that are tried: one may stand in what is masked.
_MAX_MATCHES = 3


def masked_excerpt(text: str, query: str = "") -> Excerpt:
    """The excerpt of a text with its personal data masked; a match in such data is not shown."""
    line = " ".join(text.split())
    for place in _matches(line, query):
        shown = excerpt(mask(line[max(place - _MARGIN, 0) : place + LENGTH + _MARGIN]), query)
        if shown.match:
            return shown
    return excerpt(mask(line[: LENGTH + _MARGIN]))


def _matches(line: str, query: str) -> list[int]:
    needle = " ?".join(map(re.escape, folded(query)))
    found = re.finditer(needle, line, re.IGNORECASE) if needle else ()
    return [match.start() for match in islice(found, _MAX_MATCHES)]
