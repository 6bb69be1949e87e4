"""Unicode's normal form C, in time linear in the text.

Normalization sorts each run of combining marks, in quadratic time: 40,000 marks take seconds. No
language needs more than a few, so a run is cut at 30, as the Stream-Safe Text Format counts them
(UAX 15, section 13).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from itertools import groupby

MAX_MARKS = 30

#: The range of all combining marks; a test compares it with the whole of Unicode.
_FIRST_MARK, _LAST_MARK = 0x0300, 0x1E94A
#: A run below this is short however it decomposes: each mark to two, the letter before it to three.
_MIN_LONG_RUN = 13


def nfc(text: str) -> str:
    """The text in NFC, without the combining marks of a run beyond ``MAX_MARKS``.

    The marks of the letter before the run count too: the result is its own ``nfc``.
    """
    if text.isascii():
        return text
    runs = _ANY_LONG_RUN if _HISTORIC.search(text) else _LONG_RUN
    return unicodedata.normalize("NFC", runs.sub(_cut, text))


def folded(word: str) -> str:
    """A short text in small letters of usual width, to be compared with another: NFKC, casefold."""
    return unicodedata.normalize("NFKC", nfc(word)).casefold()


def is_mark(char: str) -> bool:
    """Whether the character, or the first of its decomposition, is a combining mark."""
    return unicodedata.combining(unicodedata.normalize("NFD", char)[0]) > 0


def _cut(run: re.Match[str]) -> str:
    letter = run.string[max(run.start() - 1, 0) : run.start()]
    room = MAX_MARKS - sum(map(is_mark, unicodedata.normalize("NFD", letter)))
    marks = unicodedata.normalize("NFD", run.group()[: MAX_MARKS + 1])
    return run.group() if len(marks) <= room else marks[:room]


def _long_runs(marks: Iterable[int]) -> re.Pattern[str]:
    consecutive = groupby(enumerate(marks), key=lambda place: place[1] - place[0])
    ranges = ([mark for _, mark in group] for _, group in consecutive)
    any_mark = f"[{''.join(f'{chr(group[0])}-{chr(group[-1])}' for group in ranges)}]"
    # Written twice: the search for a set is far faster than that for a repetition.
    return re.compile(f"{any_mark}{any_mark}{{{_MIN_LONG_RUN - 1},}}")


_MARKS = [code for code in range(_FIRST_MARK, _LAST_MARK + 1) if is_mark(chr(code))]
_ANY_LONG_RUN = _long_runs(_MARKS)
#: Without the marks beyond U+FFFF, which make the search slow: old scripts and music.
_LONG_RUN = _long_runs(mark for mark in _MARKS if mark <= 0xFFFF)
_HISTORIC = re.compile(f"[\U00010000-{chr(_LAST_MARK)}]")
