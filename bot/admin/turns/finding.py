"""The list of turns: the newest that meet the criteria, found segment by segment.

The plan is chosen here, not by Postgres, which expects every array in half a per cent of the rows.
Within a segment the index gives candidates, whose rows are compared newest first until the page is
full. Groups of segments double in size, and between two of them the time is looked at: a page that
takes longer than ``BUDGET_S`` ends there, and says how far it came.

Turns that are not indexed yet, because they are open or wait in the indexer's queue, are few: their
rows are compared one by one. One snapshot serves all statements of a page.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any
from uuid import UUID

from sqlalchemy import Select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bot.admin.search.criteria import Criteria
from bot.admin.turns import plans
from bot.admin.turns.filters import Cursor
from bot.admin.turns.queries import PAGE_SIZE, read_only
from bot.admin.turns.rows import TurnPage, TurnRow
from bot.store.search.segments import EVERYTHING, Segment, load_segments

#: The time for a page; its last group of segments may take as long again.
BUDGET_S = 1.0
#: The maximum of segments in one statement.
_GROUP = 64


@dataclass(frozen=True, slots=True)
class _Walk:
    """The rows of a walk, and the moment down to which it came; None: to the end, or far enough."""

    rows: Sequence[TurnRow]
    reached: datetime | None = None


async def find_turns(
    database: AsyncEngine, criteria: Criteria, after: Cursor | None = None
) -> TurnPage:
    """The ``PAGE_SIZE`` newest turns below ``after`` that meet the criteria."""
    async with read_only(database) as connection:
        if not criteria.conditions:
            every = plans.scanned(criteria, EVERYTHING.starts_at, EVERYTHING.ends_at, after)
            return _page(_Walk(await _rows(connection, every)), [])
        await connection.execute(plans.FORCED)
        walk = await _walk(connection, criteria, after)
        waiting = await _rows(connection, plans.waiting(criteria, after))
    return _page(walk, waiting)


async def _walk(connection: AsyncConnection, criteria: Criteria, after: Cursor | None) -> _Walk:
    """Read segments, newest first, until the page is full or the time is over."""
    began = time.monotonic()
    below = min(criteria.until, after.received_at) if after else criteria.until
    segments = await load_segments(connection) or [EVERYTHING]
    wanted = [one for one in segments if one.starts_at <= below and criteria.since < one.ends_at]
    rows: list[TurnRow] = []
    for group in _groups(wanted, hashed=criteria.hashed):
        if len(rows) > PAGE_SIZE:
            break
        if time.monotonic() - began > BUDGET_S:
            return _Walk(rows, group[0].ends_at)
        rows += await _rows(connection, _statement(criteria, group, after, criteria.hashed))
    return _Walk(rows)


def _statement(
    criteria: Criteria, group: Sequence[Segment], after: Cursor | None, hashed: bool
) -> Select[Any]:
    if hashed and group[0].indexed:
        return plans.indexed(criteria, group, after)
    return plans.scanned(criteria, group[-1].starts_at, group[0].ends_at, after)


def _groups(segments: Iterable[Segment], *, hashed: bool) -> Iterator[Sequence[Segment]]:
    """One, two, four segments and so on where the index helps; where texts are read, each alone."""
    for by_index, same in groupby(segments, key=lambda one: one.indexed and hashed):
        rest, size = list(same), 1
        while rest:
            yield rest[:size]
            rest = rest[size:]
            size = min(2 * size, _GROUP) if by_index else 1


async def _rows(connection: AsyncConnection, statement: Select[Any]) -> list[TurnRow]:
    return [TurnRow(**row._asdict()) for row in await connection.execute(statement)]


def _page(walk: _Walk, waiting: Sequence[TurnRow]) -> TurnPage:
    """Both parts together, newest first; a turn of the queue may be in the index as well."""
    reached = walk.reached
    met = {row.id: row for row in walk.rows}
    met |= {row.id: row for row in waiting if reached is None or row.received_at >= reached}
    found = sorted(met.values(), key=lambda row: (row.received_at, row.id), reverse=True)
    shown = found[:PAGE_SIZE]
    if len(found) > PAGE_SIZE:
        return TurnPage(turns=shown, after=Cursor(shown[-1].received_at, shown[-1].id))
    if reached is not None:
        # Below it, whatever the id: the segment that begins there was read to its end.
        return TurnPage(turns=shown, after=Cursor(reached, UUID(int=0)), reached=reached)
    return TurnPage(turns=shown, after=None)
