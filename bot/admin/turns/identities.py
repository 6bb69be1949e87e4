"""The people and rooms behind pseudonyms, which are all that the pages show.

A pseudonym is a digest that Postgres cannot compute. The index and the turns that wait for it name
the few that it may be.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, or_
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bot.admin.search.compile import Identities, plain_condition
from bot.admin.search.query import Query, Term
from bot.admin.turns import plans
from bot.admin.turns.queries import read_only
from bot.privacy.masking import pseudonym
from bot.store.schema import turns
from bot.store.search.keys import field_hash
from bot.store.search.segments import Segment, load_segments

_FIELDS = frozenset({"person", "room"})
_PSEUDONYM = re.compile(r"[0-9a-f]{8}")


async def find_identities(database: AsyncEngine, query: Query) -> Identities:
    """The condition of each term that has the pseudonym of a person or a room."""
    terms = [
        term for term in query.terms if term.field in _FIELDS and _PSEUDONYM.fullmatch(term.value)
    ]
    if not terms:
        return {}
    async with read_only(database) as connection:
        await connection.execute(plans.FORCED["look_up"])
        segments = await load_segments(connection)
        return {term: await _condition(connection, term, segments) for term in terms}


async def _condition(
    connection: AsyncConnection, term: Term, segments: Sequence[Segment]
) -> ColumnElement[bool]:
    rows: list[Row[Any]] = []
    if segments:
        hashed = field_hash(term.field, term.value)
        rows += await connection.execute(plans.holders(hashed, segments))
    rows += await connection.execute(plans.waiting_holders())
    # A person's own id, or a room's, may look like a pseudonym.
    return or_(plain_condition(term), *_conditions(term, rows))


def _conditions(term: Term, rows: Sequence[Row[Any]]) -> Iterator[ColumnElement[bool]]:
    known: set[tuple[object, ...]] = set()
    for row in rows:
        name = row.sender if term.field == "person" else row.key
        found = (row.messenger, row.tenant, name)
        if found in known or pseudonym(*found) != term.value:
            continue
        known.add(found)
        if term.field == "person":
            yield and_(
                turns.c.messenger == row.messenger,
                turns.c.tenant == row.tenant,
                turns.c.sender == row.sender,
            )
        else:
            yield turns.c.conversation_id == row.conversation_id
