"""The words of a search: what each of them matches, and which bigrams every match has.

A word matches whatever white space stands between its letters, and in any case. A consonant of its
own also stands for every syllable that begins with it: ㅎㅂ matches 환불. A quoted phrase matches
letter by letter, with white space where it has white space.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import chain, pairwise

from sqlalchemy import ColumnElement, or_

from bot.domain.normal_form import nfc
from bot.store.search.folding import folded

#: White space as ``str.split`` defines it, as a set in the regular expressions of both languages.
_BLANK = "[" + "".join(c for c in map(chr, range(0x3001)) if c.isspace()) + "]"

#: Only these need a backslash; before a letter it could be an escape.
_SPECIAL = re.compile(r"[!-/:-@[-`{-~]")

#: The initial consonants in the order of the syllables of Unicode (chapter 3.12), 588 for each.
_INITIALS = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"
_FIRST_SYLLABLE, _SYLLABLES_OF_INITIAL = 0xAC00, 588


@dataclass(frozen=True, slots=True)
class Word:
    """A word, or a phrase in quotes, without NUL and not blank."""

    text: str
    exact: bool = False

    @property
    def pattern(self) -> str:
        """A regular expression of both Postgres and Python, for texts in NFC and any case.

        Four times as fast in Postgres as removing the white space.
        """
        if self.exact:
            runs = nfc(self.text).split()
            return f"{_BLANK}+".join(_SPECIAL.sub(r"\\\g<0>", run) for run in runs)
        return f"{_BLANK}*".join(_letter(char) for char in folded(self.text))

    @property
    def grams(self) -> list[str]:
        """The distinct bigrams that a text with a match has in the index."""
        pairs = pairwise(folded(self.text))
        return list(dict.fromkeys(a + b for a, b in pairs if self.exact or _are_plain(a, b)))

    def condition(self, *texts: ColumnElement[str]) -> ColumnElement[bool]:
        """That one of the texts has a match."""
        return or_(*(column.regexp_match(self.pattern, flags="i") for column in texts))

    def compiled(self) -> re.Pattern[str]:
        """The pattern for Python."""
        return re.compile(self.pattern, re.IGNORECASE)


def all_grams(words: tuple[Word, ...]) -> list[str]:
    """The distinct bigrams of all the words."""
    return list(dict.fromkeys(chain.from_iterable(word.grams for word in words)))


def _letter(char: str) -> str:
    if char not in _INITIALS:
        return _SPECIAL.sub(r"\\\g<0>", char)
    first = _FIRST_SYLLABLE + _INITIALS.index(char) * _SYLLABLES_OF_INITIAL
    return f"[{char}{chr(first)}-{chr(first + _SYLLABLES_OF_INITIAL - 1)}]"


def _are_plain(*chars: str) -> bool:
    return not any(char in _INITIALS for char in chars)
