"""Stored searches that name a person; the commits are the caller's.

A search that somebody saved goes. What a search made, such as a queue, stays: it names nobody, and
so finds nobody's turns from then on.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import quote_plus

from sqlalchemy import Column, Table, delete, func, literal, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.turns import Person
from bot.store.schema import datasets, exports, replays, review_queues, saved_searches

#: The names of the search box's field for people.
FIELDS = ("person", "사용자", "사람")
#: What stands for a person who is named no more; no pseudonym and no id of a messenger.
_NOBODY = r"\1erased"


async def erase_searches(connection: AsyncConnection, person: Person, pseudonym: str) -> int:
    """Delete saved searches for the person, by id or pseudonym, and take the names out of others.

    How many named the person.
    """
    names = (person.sender, pseudonym)
    typed, in_urls = _typed(names), _in_urls(names)
    named = saved_searches.c.query.regexp_match(typed, flags="i")
    erased = (await connection.execute(delete(saved_searches).where(named))).rowcount
    for table, pattern in (
        (review_queues, typed),
        (replays, typed),
        (datasets, typed),
        (exports, in_urls),
    ):
        erased += await _take_out(connection, table, pattern)
    return erased


async def _take_out(connection: AsyncConnection, table: Table, pattern: str) -> int:
    query: Column[str] = table.c.query
    without = func.regexp_replace(query, literal(pattern), literal(_NOBODY), literal("gi"))
    named = query.regexp_match(pattern, flags="i")
    return (await connection.execute(update(table).where(named).values(query=without))).rowcount


def _typed(names: Sequence[str]) -> str:
    """In the text of the box: a field, and a name that may stand in quotes."""
    return rf"(({_either(FIELDS)}):)(\"?)({_either(names)})\3(?=\s|$)"


def _in_urls(names: Sequence[str]) -> str:
    """The same where the text is a parameter of a URL."""
    fields, quoted = map(quote_plus, FIELDS), map(quote_plus, names)
    return rf"(({_either(fields)})%3A)((?:%22)?)({_either(quoted)})\3(?=[+&]|$)"


def _either(words: Sequence[str] | map[str]) -> str:
    return "|".join(map(re.escape, words))
