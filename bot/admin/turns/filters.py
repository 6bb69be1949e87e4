"""The search and the place of a page of the list of turns, as the URL carries them."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self
from uuid import UUID

from bot.admin.search.compile import time_range
from bot.admin.search.fields import Field, UnreadableValue
from bot.admin.search.query import MAX_SHOWN_CHARS, Problem, Query, Term, parse, read_term
from bot.admin.web.language import translate as _
from bot.domain.turns import clean_text


class BadCursor(ValueError):
    """A cursor that this dashboard did not write."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last turn of a page; the next page begins below it."""

    received_at: datetime  #: aware
    id: UUID

    def __str__(self) -> str:
        micros = (self.received_at - _EPOCH) // timedelta(microseconds=1)
        return base64.urlsafe_b64encode(micros.to_bytes(8, signed=True) + self.id.bytes).decode()

    @classmethod
    def parse(cls, raw: str) -> Self:
        """Raises BadCursor for anything ``str`` of a cursor did not make."""
        try:
            packed = base64.b64decode(raw, altchars=b"-_", validate=True)
            if len(packed) != 24:
                raise BadCursor(raw)
            micros = int.from_bytes(packed[:8], signed=True)
            return cls(_EPOCH + timedelta(microseconds=micros), UUID(bytes=packed[8:]))
        except (ValueError, OverflowError, binascii.Error) as error:
            raise BadCursor(raw) from error


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def read_search(query: Mapping[str, str], fields: Sequence[Field], now: datetime) -> Query:
    """The search of the box and of the form's other fields; what is unreadable is a problem."""
    search = parse(query.get("q", ""), fields)
    terms: list[Term] = []
    problems: list[Problem] = []
    for field in fields:
        for value in _form_values(query, field.name):
            try:
                terms.append(read_term(field, value))
            except UnreadableValue as error:
                problems.append(Problem(f"{_(field.label)}:{value[:MAX_SHOWN_CHARS]}", str(error)))
    search = search.plus(*terms, problems=problems)
    since, until = time_range(search.terms, now)
    if since >= until:
        search = search.plus(problems=[Problem(_("날짜"), _("시작이 끝보다 늦습니다."))])
    return search


def _form_values(query: Mapping[str, str], name: str) -> Iterator[str]:
    """The values that the form has for a field: two moments are a range with an open end."""
    if name == "date":
        first, last = (clean_text(query.get(end, "")) for end in ("from", "to"))
        yield from ([f"{first}.."] if first else [])
        yield from ([f"..{last}"] if last else [])
    elif name in FIELDS and (value := clean_text(query.get(name, ""))):
        yield value


#: The form's fields. Without the cursor: another filter begins on the first page.
FIELDS = ("q", "messenger", "status", "delivery", "from", "to")
