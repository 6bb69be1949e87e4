"""Completions of the last token of the search box: names of fields, then their values."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import asdict, dataclass

from bot.admin.search.fields import Field
from bot.admin.search.query import Term
from bot.domain.normal_form import folded, nfc
from bot.store.search.words import Word

MAX_SUGGESTIONS = 12
MAX_TOKEN_CHARS = 60


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What replaces the token, and what explains it."""

    text: str
    label: str

    def json(self) -> dict[str, str]:
        """The fields by name."""
        return asdict(self)


#: The values of a field that occur, newest first.
Occurring = Callable[[str], Awaitable[Sequence[str]]]


async def suggest(token: str, fields: Sequence[Field], occurring: Occurring) -> list[Suggestion]:
    """Completions of a token, at most ``MAX_SUGGESTIONS``."""
    token = nfc(token)[:MAX_TOKEN_CHARS].strip()
    name, colon, begun = token.partition(":")
    if not colon:
        return _names(token, fields)[:MAX_SUGGESTIONS]
    field = next((one for one in fields if folded(name) in map(folded, one.names)), None)
    if field is None:
        return []
    known = field.choices or {value: value for value in await occurring(field.name)}
    wanted = begun.strip('"')
    fitting = [
        Suggestion(str(Term(name, value if label == value else _squeezed(label))), label)
        for value, label in known.items()
        if _begins(wanted, (value, _squeezed(label)))
    ]
    if not known and not begun:
        fitting = [Suggestion(f"{name}:{field.example}", "예")]
    return fitting[:MAX_SUGGESTIONS]


def _names(token: str, fields: Sequence[Field]) -> list[Suggestion]:
    """Names that begin with the token; in the script that it is written in."""
    found = []
    for field in fields:
        fitting = [name for name in _spelt(field) if _begins(token, (name,))]
        if token and fitting:
            found.append(Suggestion(f"{fitting[0]}:", f"{field.label} · {field.example}"))
    return found


def _spelt(field: Field) -> Iterable[str]:
    """The label's name first."""
    return dict.fromkeys((_squeezed(field.label), *field.aliases, field.name))


def _begins(begun: str, names: Iterable[str]) -> bool:
    """Whether one of the names begins so; initial consonants stand for their syllables."""
    if not begun:
        return True
    pattern = re.compile(Word(begun).pattern, re.IGNORECASE)
    return any(pattern.match(name) for name in names)


def _squeezed(text: str) -> str:
    return "".join(text.split())
