"""The list of turns: the newest that meet the criteria.

The plan is chosen here, not by Postgres, which expects every array in half a per cent of the rows.
The newest ``PROBED`` turns are compared one by one: what is common fills the page from them. What
is rare is found by the index, segment by segment from the newest, one, two, four at a time; where
it has no key, or an older log is not indexed yet, the walk over the rows goes on. Between two steps
the time is looked at: a page that takes longer than ``BUDGET_S`` ends there, and says how far it
came. One snapshot serves all statements of a page. Turns of a list, such as the reviewed ones, are
read along that list; where they hold the words too seldom, the index finds the rest.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any
from uuid import UUID

from sqlalchemy import Select
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.admin.search.criteria import Criteria
from bot.admin.turns import plans
from bot.admin.turns.filters import Cursor
from bot.admin.turns.plan_runner import Rows
from bot.admin.turns.queries import read_only
from bot.admin.turns.rows import TurnPage, TurnRow
from bot.store.search.segments import Segment

#: The time for a page; its last step may take as long again.
BUDGET_S = 1.0
#: The first rows that are compared, and the maximum in one statement.
PROBED, _BLOCK = 512, 8_192
#: Rows of a list that are compared for a page where the index has the words as well.
_LISTED = 4_096
#: The maximum of segments in one statement.
_GROUP = 64

#: Below all others.
FIRST_ID = UUID(int=0)


async def find_turns(
    database: AsyncEngine, criteria: Criteria, after: Cursor | None = None
) -> TurnPage:
    """The newest turns below ``after`` that meet the criteria: a page."""
    async with read_only(database) as connection:
        search = _Search(Rows(connection), criteria, after)
        if criteria.conditions or criteria.among is not None:
            await search.run()
        else:
            await search.list_all()
    return search.page()


class _Search:
    """The search for one page: what was found, and down to where everything was looked at."""

    def __init__(self, rows: Rows, criteria: Criteria, after: Cursor | None) -> None:
        self._rows = rows
        self._criteria = criteria
        self._over_at = time.monotonic() + BUDGET_S
        self._below = after  #: rows above it are done
        self._found: list[TurnRow] = []
        self._reached: Cursor | None = None  #: the time was over there

    async def list_all(self) -> None:
        """Read a page without conditions: any row meets them."""
        self._found = await self._rows.walk(plans.scanned(self._criteria, self._below, None))

    async def run(self) -> None:
        """Compare the newest rows, then go on with the index, or without."""
        if self._criteria.among is not None:
            await self._read_list(self._criteria.among)
        elif await self._scan_block(None, PROBED):
            if self._criteria.hashed:
                await self._read_index()
            else:
                await self._scan(None)

    def page(self) -> TurnPage:
        """What was found, newest first; a turn of the queue may be in the index as well."""
        rows = {row.id: row for row in self._found}.values()
        found = sorted(rows, key=_place, reverse=True)
        shown = found[: self._criteria.size]
        if len(found) > len(shown):
            return TurnPage(turns=shown, after=Cursor(*_place(shown[-1])))
        reached = self._reached
        return TurnPage(
            turns=shown, after=reached, reached=reached.received_at if reached else None
        )

    async def _read_list(self, few: Select[Any]) -> None:
        """Compare the listed turns in blocks that double, or leave them to the index."""
        size, looked_at, more = PROBED, 0, True
        while more and not self._is_rare(looked_at):
            start = await self._rows.listed_start(self._criteria, few, self._below, size)
            block = plans.among(self._criteria, few, self._below, start)
            self._found += await self._rows.look_up(block)
            self._below = start
            more = start is not None and not self._is_over()
            looked_at += size
            size = min(2 * size, _BLOCK)
        if more:
            await self._read_index()

    def _is_rare(self, looked_at: int) -> bool:
        """Whether the index has what is looked for, and many more rows would fill no page."""
        filling = looked_at * (self._criteria.size + 1)
        return self._criteria.hashed and filling > _LISTED * max(len(self._found), 1)

    async def _read_index(self) -> None:
        """Go on with the index; rows that it does not have yet are compared."""
        probed = self._below
        for group in _groups(await self._rows.segments(self._criteria, self._below)):
            if self._is_over():
                break
            start = Cursor(group[-1].starts_at, FIRST_ID)
            if group[0].indexed:
                indexed = plans.indexed(self._criteria, group, self._below)
                self._found += await self._rows.look_up(indexed)
                self._below = start
            else:
                await self._scan(start)
        waiting = await self._rows.look_up(plans.waiting(self._criteria, probed))
        down_to = self._reached
        self._found += [
            row
            for row in waiting
            if down_to is None or _place(row) >= (down_to.received_at, down_to.id)
        ]

    async def _scan(self, start: Cursor | None) -> None:
        """Compare all rows down to ``start``, in blocks that double."""
        size = 2 * PROBED
        while not self._is_over() and await self._scan_block(start, size):
            size = min(2 * size, _BLOCK)

    async def _scan_block(self, start: Cursor | None, size: int) -> bool:
        """Compare the next ``size`` rows; whether there are more down to ``start``."""
        block = await self._rows.block_start(self._criteria, self._below, start, size)
        scanned = plans.scanned(self._criteria, self._below, block or start)
        self._found += await self._rows.walk(scanned)
        self._below = block or start
        return block is not None and not self._is_over()

    def _is_over(self) -> bool:
        """Whether the page is full, or its time is over, which sets ``_reached``."""
        if len(self._found) > self._criteria.size:
            return True
        if self._reached is None and time.monotonic() > self._over_at:
            self._reached = self._below
        return self._reached is not None


def _groups(segments: Iterable[Segment]) -> Iterator[Sequence[Segment]]:
    """One, two, four segments and so on where they are indexed; the others each alone."""
    for is_indexed, same in groupby(segments, key=lambda segment: segment.indexed):
        rest, size = list(same), 1
        while rest:
            yield rest[:size]
            rest = rest[size:]
            size = min(2 * size, _GROUP) if is_indexed else 1


def _place(row: TurnRow) -> tuple[datetime, UUID]:
    return row.received_at, row.id
