"""Splitting of texts at paragraphs and sentences, never inside a word, number, URL or emoji."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Iterator

Size = Callable[[str], int]

#: The first bytes in UTF-8 of what UTF-16 writes as two units.
_TWO_UNITS = (0xF0, 0xF1, 0xF2, 0xF3, 0xF4)


def utf16_units(text: str) -> int:
    """The length in UTF-16 code units, as platforms count: an emoji has two or more."""
    encoded = text.encode("utf-8", "surrogatepass")  # UTF-16 takes 1 us for a lone surrogate
    return len(text) + sum(encoded.count(lead) for lead in _TWO_UNITS)


_CLOSERS = "\"'”’)\\]」』》"

#: Where a text may be split, the best kind first; the match is left out.
_BREAKS = (
    re.compile(r"\n(?:[ \t]*\n)+"),
    # Behind a digit the stop belongs to a list's number: "1. 첫째".
    re.compile(rf"(?:(?<![0-9].)(?<=[.!?…。！？])|(?<=[.!?…。！？][{_CLOSERS}]))[ \t]+|\n+"),
    re.compile(r"(?<=[다요죠까])[ \t]+"),
    re.compile(r"\s+"),
)

#: What stays whole without blanks around it: an address, or a word or number with its inner signs.
_MARKS = "\u0300-\u036f\ufe0f\u20e3"
_ATOM = re.compile(
    r"(?:(?:https?|ftp)://|www\.)[^\s<>\"()]+(?:\((?!\w+:)[^\s<>\"()]*\)[^\s<>\"()]*)*"
    rf"|[\w{_MARKS}]+(?:(?<=[A-Za-z0-9])[.,:'/@+~-](?=[A-Za-z0-9])[\w{_MARKS}]+)*%?"
)
_BLANKS = re.compile(r"\s+")

#: A better kind of break needs a piece at least this full: messages allow few bubbles.
_MIN_FILL = 0.6


def split(text: str, limit: int, size: Size = len) -> Iterator[str]:
    """Pieces of at most ``limit``, split at paragraphs, lines or sentences, else words.

    Only blanks at the cuts are left out. What is longer than ``limit`` alone is split between
    visible letters (an emoji family, conjoining Hangul) of up to 64 code points. ``limit`` is 2 or
    more; ``size`` must count at least one for each code point.
    """
    text, begin = text.strip("\n"), 0
    while len(text) - begin > limit or size(text[begin:]) > limit:
        # Behind what can fit, a cut looks at the whole of what is as long again.
        window = text[begin : begin + 2 * limit + 2]
        end, resume = _cut(window, limit, size)
        if piece := window[:end].rstrip():
            yield piece
        begin += resume
    if rest := text[begin:].rstrip():
        yield rest


def shorten(text: str, limit: int, size: Size = len) -> str:
    """The text if it fits ``limit``, stripped if need be, else its beginning and "…"."""
    for whole in (text, text.strip()):
        if size(whole) <= limit:
            return whole
    return next(split(text.strip(), limit - 1, size), "") + "…"


def _cut(text: str, limit: int, size: Size) -> tuple[int, int]:
    """The end of the first piece and the beginning of the next one."""
    # Every code point counts at least one, so the prefix that fits is at most ``limit`` long.
    window = range(1, min(limit, len(text)) + 1)
    fit = bisect_right(window, limit, key=lambda end: size(text[:end]))
    min_end = int(fit * _MIN_FILL)
    for breaks in _BREAKS:
        ends = [found.span() for found in breaks.finditer(text, min_end, fit + 2)]
        kept = [span for span in ends if min_end <= span[0] <= fit]
        if kept:
            return kept[-1]
    return _cut_before_word(text, fit, limit, size) or _cut_word(text, fit, limit, size)


def _cut_before_word(text: str, fit: int, limit: int, size: Size) -> tuple[int, int] | None:
    """The last blanks that fit; None where the word behind them fits nowhere."""
    blanks = [found.span() for found in _BLANKS.finditer(text, 1, fit)]
    if not blanks:
        return None
    begin, resume = blanks[-1]
    following = _BLANKS.search(text, resume)
    word = text[resume : following.start() if following else len(text)]
    return (begin, resume) if size(word) <= limit else None


def _cut_word(text: str, fit: int, limit: int, size: Size) -> tuple[int, int]:
    """A place in text without blanks: before an address, word or number, else between letters."""
    inside = (found for found in _ATOM.finditer(text) if found.end() > fit)
    atom = next(inside, None)
    if atom and 0 < atom.start() < fit and size(atom[0]) <= limit:
        fit = atom.start()
    end = _letter_boundary(text, max(fit, 1))
    return end, end


def _letter_boundary(text: str, at: int) -> int:
    """The last position up to ``at`` between visible letters; ``at`` without one."""
    return next((end for end in range(at, max(at - 64, 0), -1) if not _joined(text, end)), at)


def _joined(text: str, at: int) -> bool:
    """Whether the code points around ``at`` form one letter (common cases of UAX 29)."""
    if at >= len(text):
        return False
    before, after = text[at - 1], text[at]
    return (
        before == "\u200d"
        or after == "\u200d"
        or unicodedata.category(after).startswith("M")
        or "\U0001f3fb" <= after <= "\U0001f3ff"  # skin tones
        or "\U000e0020" <= after <= "\U000e007f"  # tags of the regional flags
        or "\u1160" <= after <= "\u11ff"  # Hangul vowels and finals, unjoined
        or "\ud7b0" <= after <= "\ud7ff"  # those of old Hangul
        or _second_of_a_flag(text, at)
    )


def _second_of_a_flag(text: str, at: int) -> bool:
    if not ("\U0001f1e6" <= text[at] <= "\U0001f1ff"):
        return False
    run = re.search("[\U0001f1e6-\U0001f1ff]*$", text[max(0, at - 64) : at])
    return run is not None and len(run.group()) % 2 == 1
