"""The execution of the plans: Postgres is left no other way, statement by statement."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.admin.search.criteria import Criteria
from bot.admin.turns import plans
from bot.admin.turns.filters import Cursor
from bot.admin.turns.rows import TurnRow
from bot.store.search.segments import EVERYTHING, Segment, load_segments


class Rows:
    """Reads rows of turns, by a walk along the time or by look-ups."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self._plan = ""

    async def walk(self, statement: Select[Any]) -> list[TurnRow]:
        """Rows in the order of their receipt, compared one by one."""
        return await self._read(statement, "walk")

    async def look_up(self, statement: Select[Any]) -> list[TurnRow]:
        """Rows that an index or a list names."""
        return await self._read(statement, "look_up")

    async def block_start(
        self, criteria: Criteria, below: Cursor | None, start: Cursor | None, size: int
    ) -> Cursor | None:
        """The last of the next ``size`` rows; None: there are fewer, down to ``start``."""
        await self._force("walk")
        statement = plans.block_start(criteria, below, start, size)
        row = (await self._connection.execute(statement)).one_or_none()
        return Cursor(row.received_at, row.id) if row else None

    async def listed_start(
        self, criteria: Criteria, few: Select[Any], below: Cursor | None, size: int
    ) -> Cursor | None:
        """The last of the next ``size`` turns of a list; None: it has fewer."""
        await self._force("look_up")
        statement = plans.listed_start(criteria, few, below, size)
        row = (await self._connection.execute(statement)).one_or_none()
        return Cursor(row.received_at, row.turn_id) if row else None

    async def segments(self, criteria: Criteria, below: Cursor | None) -> list[Segment]:
        """Those with turns below the cursor that may meet the criteria, newest first."""
        segments = await load_segments(self._connection) or [EVERYTHING]
        return [
            segment
            for segment in segments
            if segment.overlaps(criteria.since, criteria.until)
            and (below is None or segment.starts_at <= below.received_at)
        ]

    async def _read(self, statement: Select[Any], plan: str) -> list[TurnRow]:
        await self._force(plan)
        found = await self._connection.execute(statement)
        return [TurnRow(**row._asdict()) for row in found]

    async def _force(self, plan: str) -> None:
        if plan != self._plan:
            await self._connection.execute(plans.FORCED[plan])
            self._plan = plan
