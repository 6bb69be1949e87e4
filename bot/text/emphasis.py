"""Pairs of stars, underscores and tildes that mean emphasis, and not a product, path or pattern.

CommonMark's flanking rules (6.2), narrower: ``3*4*5``, ``**kwargs`` and ``*^^*`` keep their
stars. And wider for Hangul: **"이름"**은 is bold, although a letter follows the closing stars.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

#: Openers that wait for their closers at the same time; the oldest is given up for a further one.
_MAX_OPEN = 16

_OPENING_BRACKETS, _CLOSING_BRACKETS = "([{", ")]}"
_BRACKETS = re.compile(r"[()\[\]{}]")
#: The beginning of a heading such as "1) 준비" or "가) 준비".
_ENUMERATOR = re.compile(r"\s*(?:\d{1,3}|[^\W\d_])\)")
_IDENTIFIER = re.compile(r"[A-Za-z0-9_]+")
_TWO_LETTERS = re.compile(r"[^\W\d_]{2}")
_JAMO_ONLY = re.compile(r"[ㄱ-ㆎ\W_]+")
#: An underscore opens only after these, a blank or nothing: ㅠ_ㅠ, -_- and a_b are no emphasis.
_BEFORE_UNDERSCORE = "([{\"'“‘「『《〈*~,:·"


@dataclass(slots=True)
class Delimiter:
    """A run of one marker: where it begins, and how long it is."""

    start: int
    length: int

    @property
    def end(self) -> int:
        """The place after it."""
        return self.start + self.length


def emphasis_markers(text: str, runs: Sequence[Delimiter]) -> Iterator[tuple[int, int]]:
    """The ranges of ``text`` that only mark emphasis, among the runs of ``*``, ``_`` and ``~``."""
    waiting: list[Delimiter] = []
    for run in runs:
        marker = text[run.start]
        if run.length > 3 or (marker == "~" and run.length != 2):
            continue
        if _closes(text, run):
            yield from _close(text, waiting, run)
        if run.length and _opens(text, run):
            waiting.append(run)
            del waiting[:-_MAX_OPEN]


def _close(text: str, waiting: list[Delimiter], run: Delimiter) -> Iterator[tuple[int, int]]:
    """Pair the run with the newest openers of its marker; a pair leaves its opener's rest."""
    while waiting and run.length:
        opener = waiting[-1]
        if text[opener.start] != text[run.start]:
            if not any(text[other.start] == text[run.start] for other in waiting):
                return
            waiting.pop()  # it can no longer close: the pairs would cross
            continue
        if opener.length > run.length and opener.length != 3:
            return  # **bold*: the star is a letter
        if opener.length < run.length and not _has_rest(text, waiting, run):
            waiting.pop()
            continue
        size = min(opener.length, run.length)
        inner = Delimiter(opener.end - size, size)
        if not _is_emphasis(text, inner, Delimiter(run.start, size)):
            waiting.pop()
            return
        yield inner.start, inner.end
        yield run.start, run.start + size
        opener.length -= size
        run.start, run.length = run.start + size, run.length - size
        if not opener.length:
            waiting.pop()


def _has_rest(text: str, waiting: list[Delimiter], run: Delimiter) -> bool:
    """Whether the two newest openers together are as long as the run: ``**a *b***``."""
    if run.length != 3 or len(waiting) < 2:
        return False
    same = text[waiting[-2].start] == text[run.start]
    return same and waiting[-2].length + waiting[-1].length == 3


def _opens(text: str, run: Delimiter) -> bool:
    before, after = _around(text, run)
    if not after or after.isspace() or after in _CLOSING_BRACKETS:
        return False
    marker = text[run.start]
    if marker != "*":
        return _word_may_open(text, run, before, after)
    may_touch = run.length > 1 and _is_east_asian(before)  # 한글**(漢字)**, but not 이름*, 나이*
    if _is_punctuation(after) and not (_ends_word(before) or may_touch):
        return False
    if run.length == 1:
        return not (before.isalnum() or before in [*")]}/\\_"] or after in "./\\_")
    if before in [*_CLOSING_BRACKETS] and after == "(":
        return False  # a power: (a+b)**(c)
    may_begin = after.isupper() or _is_east_asian(after)
    return not _is_word(before) or (before.isalpha() and may_begin)


def _word_may_open(text: str, run: Delimiter, before: str, after: str) -> bool:
    if before and not before.isspace() and before not in _BEFORE_UNDERSCORE:
        return False
    return after != "*" or text.startswith("**", run.end)


def _closes(text: str, run: Delimiter) -> bool:
    before, after = _around(text, run)
    if not before or before.isspace() or before in _OPENING_BRACKETS:
        return False
    if _is_punctuation(before) and not _ends_word(after) and not _is_east_asian(after):
        return False
    if _is_word(after):
        return run.length == 2 and text[run.start] == "*" and after.islower()
    if text[run.start] == "_":
        single = run.length == 1
        return not (single and after.isalnum()) and after not in [*"/\\"]
    return run.length > 1 or after not in [*"/\\"]


def _is_emphasis(text: str, opener: Delimiter, closer: Delimiter) -> bool:
    """Whether a pair that flanks its content looks like emphasis."""
    content = text[opener.end : closer.start]
    before, after = _around(text, opener)[0], _around(text, closer)[1]
    if not _may_touch_words(before, content, after):
        return False
    if content[:1] == content[-1:] and content[0] in "-=+^./\\|#@":
        return False
    if content[:1] in [*"/."] and after in [*"/.*"]:
        return False  # **/*.py,**/*.ts
    if not _has_words(text[opener.start], opener.length, content):
        return False
    if opener.length == 1 and before == "(" and not _TWO_LETTERS.search(content):
        return False  # (*´ω`*)
    return _is_balanced(content, may_be_numbered=before not in [*_OPENING_BRACKETS])


def _may_touch_words(before: str, content: str, after: str) -> bool:
    """Whether a pair inside of a word is no power: **H**yper**T**ext, **API**s, GPT**모델**."""
    if _is_word(before) and _is_word(after):
        return len(content) == 1 and content.isupper()
    if _is_word(before):
        return content.isalpha()
    return not _is_word(after) or content.isalpha()


def _has_words(marker: str, length: int, content: str) -> bool:
    """Whether the content has letters, is not only jamo, and is no identifier."""
    if marker == "_" and _IDENTIFIER.fullmatch(content):
        return length == 1 and content.isalpha()
    if length == 2:
        return any(char.isalnum() or char >= "\U0001f000" for char in content)
    return any(map(_is_letter, content)) and not _JAMO_ONLY.fullmatch(content)


def _is_balanced(content: str, *, may_be_numbered: bool) -> bool:
    """Whether no bracket is open at either end: f(*args) and g(*rest) hold no emphasis."""
    enumerator = _ENUMERATOR.match(content) if may_be_numbered else None
    depth = 0
    for bracket in _BRACKETS.findall(content, enumerator.end() if enumerator else 0):
        depth += 1 if bracket in _OPENING_BRACKETS else -1
        if depth < 0:
            return False
    return depth == 0


def _around(text: str, run: Delimiter) -> tuple[str, str]:
    """The characters before and after a run; empty at the ends of the text."""
    return text[max(run.start - 1, 0) : run.start], text[run.end : run.end + 1]


def _ends_word(char: str) -> bool:
    return not char or char.isspace() or _is_punctuation(char)


@lru_cache(maxsize=1024)
def _is_letter(char: str) -> bool:
    """Whether it is a letter, and no mark beside one as in *:･ﾟ✧."""
    return char.isalpha() and unicodedata.category(char) != "Lm"


@lru_cache(maxsize=1024)
def _is_punctuation(char: str) -> bool:
    """CommonMark's Unicode punctuation: categories P and S."""
    return char != "" and unicodedata.category(char)[0] in "PS"


def _is_word(char: str) -> bool:
    """Whether it is a letter or digit of a script that puts blanks around its words."""
    return char.isalnum() and not _is_east_asian(char)


def _is_east_asian(char: str) -> bool:
    return char >= "\u1100" and char.isalpha()
