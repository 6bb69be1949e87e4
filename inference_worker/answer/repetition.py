"""Notices a model that repeats itself for ever, and cuts the repeats.

Only verbatim repetition counts: a passage that comes again and again without a character between.
Items of lists, rows of tables, lines of poems and of code differ, or stay far below the limits.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

#: Characters of repetition after which an answer is stopped; WORKER_REPETITION_CHARS.
DEFAULT_LIMIT_CHARS = 1000
#: A long passage has to come this often.
MIN_REPEATS = 4
#: The longest passage that is looked for, in characters.
MAX_PERIOD = 1000
#: Rules of tables, grids of digits and code repeat themselves more than prose.
LENIENCE = 4
#: The newest text is compared every so many characters.
CHECK_EVERY_CHARS = 64
#: The end of the text whose earlier occurrences give the candidates for the period.
PROBE_CHARS = 24
MAX_CANDIDATES = 64

_SENTENCE_ENDS = (".", "!", "?", "。", "…")
_LETTER = re.compile(r"[^\W\d_]")
_FENCE = re.compile(r"^ {0,3}(?:```|~~~)", re.MULTILINE)
#: Numbers and bullets of list items: "1. x", "2. x", "3. x" is a repetition.
_LIST_MARK = re.compile(r"^[ \t]*(?:\d{1,6}[.)]|[-*•])[ \t]+")
#: So many equal items in a row are no list.
MIN_EQUAL_ITEMS = 20


@dataclass(frozen=True, slots=True)
class Loop:
    """The end of a text that only repeats: it begins at ``start``, the passage ends at ``end``."""

    start: int
    end: int


def find_loop(text: str, *, limit_chars: int) -> Loop | None:
    """The repetition at the end of ``text``, where it is longer than the limit allows."""
    for period in _candidates(text):
        for limit in (limit_chars, limit_chars * LENIENCE):
            length = max(limit, period * MIN_REPEATS)
            if not _repeats(text, period, length):
                break
            start = len(text) - length
            if limit > limit_chars or not _is_lenient(text, start, period):
                return _whole_loop(text, period)
    return _equal_items(text, limit_chars)


def cut_loop(text: str, loop: Loop) -> str:
    """The text with the passage once."""
    return text[: loop.end].rstrip()


class RepetitionGuard:
    """Looks at a growing text now and then; ``limit_chars`` 0: never."""

    def __init__(self, limit_chars: int) -> None:
        self.limit_chars = limit_chars
        self._window = MAX_PERIOD * (MIN_REPEATS + 1) + limit_chars * LENIENCE
        self._text = ""
        self._unchecked = 0

    def push(self, text: str) -> bool:
        """Whether the text, with this chunk, ends in a repetition."""
        if not self.limit_chars:
            return False
        self._text += text
        self._unchecked += len(text)
        if self._unchecked < CHECK_EVERY_CHARS:
            return False
        self._unchecked = 0
        if len(self._text) > 2 * self._window:
            self._text = self._text[-self._window :]
        return find_loop(self._text, limit_chars=self.limit_chars) is not None


def _candidates(text: str) -> list[int]:
    """Distances from the end of the text to its earlier occurrences: periods, if there are any."""
    probe, end = text[-PROBE_CHARS:], len(text)
    if len(probe) < PROBE_CHARS:
        return []
    found: list[int] = []
    at = end - PROBE_CHARS
    while len(found) < MAX_CANDIDATES:
        at = text.rfind(probe, max(0, end - PROBE_CHARS - MAX_PERIOD), at + PROBE_CHARS - 1)
        if at < 0:
            break
        found.append(end - PROBE_CHARS - at)
    return found


def _repeats(text: str, period: int, length: int) -> bool:
    tail = text[-length:]
    return len(tail) == length and tail[period:] == tail[:-period]


def _is_lenient(text: str, start: int, period: int) -> bool:
    passage = text[start : start + period]
    return not _LETTER.search(passage) or len(_FENCE.findall(text[:start])) % 2 == 1


def _whole_loop(text: str, period: int) -> Loop:
    start = len(text) - period
    while start > 0 and text[start - 1] == text[start - 1 + period]:
        start -= 1
    # The words before the first passage may end like it: stop at a sentence's end, not before.
    ends = (start + period, *range(start + period, start + 2 * period))
    end = next(
        (at for at in ends if _ends_sentence(text[max(0, at - MIN_REPEATS) : at])), start + period
    )
    return Loop(start, end)


def _ends_sentence(text: str) -> bool:
    return text.rstrip().endswith(_SENTENCE_ENDS)


def _equal_items(text: str, limit_chars: int) -> Loop | None:
    """Items of a list that differ in their number only; the last may be unfinished."""
    *lines, _unfinished = text.split("\n")
    item = _LIST_MARK.sub("", lines[-1]).strip() if lines else ""
    if len(item) < MIN_REPEATS or not _LETTER.search(item) or item == lines[-1].strip():
        return None
    equal = 0
    for line in reversed(lines):
        if line.strip() and _LIST_MARK.sub("", line).strip() != item:
            break
        equal += 1
    items = sum(1 for line in lines[len(lines) - equal :] if line.strip())
    if items < MIN_EQUAL_ITEMS or items * len(item) < limit_chars:
        return None
    start = sum(len(line) + 1 for line in lines[: len(lines) - equal])
    first = next(line for line in lines[len(lines) - equal :] if line.strip())
    return Loop(start, text.index(first, start) + len(first))
