"""The text of the search box, read: words, quoted phrases, and ``field:value`` terms.

Terms of one field are alternatives, unless they compare (< and >); everything else must hold
together. What cannot be read is named, and the rest is kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bot.admin.search.fields import MAX_VALUE_CHARS, Field, UnreadableValue
from bot.admin.web.language import translate as _
from bot.domain.normal_form import folded
from bot.domain.turns import clean_text
from bot.store.search.words import Word

MAX_WORD_CHARS = 200
MAX_WORDS = 8
MAX_TERMS = 20
MAX_PROBLEMS = 5
#: Of a token that could not be read.
MAX_SHOWN_CHARS = 40

#: A term's name and colon at the beginning of a token: "10:30" and "http://" are words.
_NAME = re.compile(r"([^\W\d_]+):(?!/)")
_TOKEN = re.compile(r'"([^"]*)"?|(\S+)')
_QUOTED_VALUE = re.compile(r'([<>]?)"([^"]*)"?')


@dataclass(frozen=True, slots=True)
class Term:
    """A condition on a field; ``comparison`` is <, > or empty."""

    field: str
    value: str
    comparison: str = ""

    def __str__(self) -> str:
        quoted = f'"{self.value}"' if re.search(r"\s", self.value) else self.value
        return f"{self.field}:{self.comparison}{quoted}"


@dataclass(frozen=True, slots=True)
class Problem:
    """What could not be read, and why."""

    token: str
    reason: str


@dataclass(frozen=True, slots=True)
class Query:
    """A search. Its text, read again, is an equal search."""

    words: tuple[Word, ...] = ()
    terms: tuple[Term, ...] = ()
    problems: tuple[Problem, ...] = ()

    def __str__(self) -> str:
        words = (f'"{word.text}"' if word.exact else word.text for word in self.words)
        return " ".join([*words, *map(str, self.terms)])

    def plus(self, *terms: Term, problems: Sequence[Problem] = ()) -> Query:
        """The search with further terms."""
        every = tuple(dict.fromkeys((*self.terms, *terms)))
        return Query(self.words, every, (*self.problems, *problems))


def parse(text: str, fields: Sequence[Field]) -> Query:
    """Read the text of the box. Never raises."""
    known = {folded(name): field for field in fields for name in field.names}
    problems: list[Problem] = []
    words: dict[Word, None] = {}
    terms: dict[Term, None] = {}
    for token, name in _tokens(clean_text(text)):
        try:
            found = _word(token) if name is None else _term(token, name, known)
            _keep(found, words, terms)
        except UnreadableValue as error:
            problems.append(Problem(_shortened(token), str(error)))
    return Query(tuple(words), tuple(terms), tuple(problems[:MAX_PROBLEMS]))


def read_term(field: Field, value: str) -> Term:
    """A term of this field. Raises UnreadableValue."""
    comparison = value[:1] if value[:1] in {"<", ">"} else ""
    bare = value.removeprefix(comparison)
    if comparison and not field.compared:
        raise UnreadableValue(_("‘{field}’에는 <, >를 쓸 수 없습니다.", field=_(field.label)))
    if not bare:
        raise UnreadableValue(_("값이 없습니다. 예: {example}", example=field.shown_example))
    if len(bare) > MAX_VALUE_CHARS:
        raise UnreadableValue(_("값은 {count}자까지 쓸 수 있습니다.", count=MAX_VALUE_CHARS))
    return Term(field.name, field.read(bare), comparison)


def _tokens(text: str) -> Iterator[tuple[str, str | None]]:
    """Tokens as they are written, each with the name of its field, or None for words."""
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        named = _NAME.match(text, at)
        quoted = _QUOTED_VALUE.match(text, named.end()) if named else None
        found = quoted or _TOKEN.match(text, at)
        if found is None:  # nothing but a blank is no token
            return
        yield text[at : found.end()], named[1] if named else None
        at = found.end()


def _word(token: str) -> Word | None:
    exact = token.startswith('"')
    if exact:
        token = " ".join(token.strip('"').split())
    if len(token) > MAX_WORD_CHARS:
        raise UnreadableValue(_("낱말은 {count}자까지 쓸 수 있습니다.", count=MAX_WORD_CHARS))
    return Word(token, exact=exact) if token else None


def _shortened(token: str) -> str:
    return token if len(token) <= MAX_SHOWN_CHARS else token[:MAX_SHOWN_CHARS] + "…"


def _term(token: str, name: str, known: dict[str, Field]) -> Term:
    field = known.get(folded(name))
    if field is None:
        raise UnreadableValue(
            _(
                "‘{name}’ 조건은 없습니다. 글 그대로 찾으려면 큰따옴표로 묶어 주세요.",
                name=name,
            )
        )
    value = token[len(name) + 1 :]
    if quoted := _QUOTED_VALUE.fullmatch(value):
        value = quoted[1] + " ".join(quoted[2].split())
    return read_term(field, value)


def _keep(found: Word | Term | None, words: dict[Word, None], terms: dict[Term, None]) -> None:
    if isinstance(found, Word):
        if len(words) == MAX_WORDS:
            raise UnreadableValue(_("낱말은 {count}개까지 쓸 수 있습니다.", count=MAX_WORDS))
        words[found] = None
    elif isinstance(found, Term):
        if len(terms) == MAX_TERMS:
            raise UnreadableValue(_("조건은 {count}개까지 쓸 수 있습니다.", count=MAX_TERMS))
        terms[found] = None
