"""Beginnings of texts, cut where no number is: masking knows no number by its half."""

from __future__ import annotations

import re

#: Longer than a number with all that may stand in it.
_MAX_CHARS = 80
#: Behind the last word in Hangul that is no digit's name.
_TAIL = re.compile(r"(?:[^가-힣\n]|[공영일이삼사오육륙칠팔구])*\Z")


def whole_beginning(text: str, length: int) -> str:
    """At most ``length`` code points of the text, without a number that is cut at their end.

    A text of just that length counts as cut: the database may have done it.
    """
    if len(text) < length:
        return text
    cut = text[:length]
    tail = _TAIL.search(cut[-_MAX_CHARS:])
    return cut[: length - len(tail[0])] if tail else cut
