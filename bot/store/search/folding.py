"""Texts as search compares them: NFC, small letters, no white space.

환불규정 and 환불 규정 are both common spellings, and either finds the other.
"""

from __future__ import annotations

from itertools import pairwise

from bot.domain.normal_form import nfc

#: Above the number of pairs in the longest question (4,000 code points) and answer (2,048 tokens);
#: further pairs are not indexed, so search does not find them.
MAX_GRAMS = 8192


def folded(text: str) -> str:
    """``text`` normalized for comparison: NFC, lower-case, without white space."""
    return "".join(nfc(text).lower().split())


def grams(text: str) -> list[str]:
    """The distinct bigrams of ``text`` in the order they appear, at most ``MAX_GRAMS``.

    Most Korean nouns have two syllables, so pairs of code points are the unit of the index. Empty
    for a text below two code points.
    """
    pairs = dict.fromkeys(a + b for a, b in pairwise(folded(text)))
    return list(pairs)[:MAX_GRAMS]
