"""The writing of the search index, in batches, away from what people wait for.

Several bots take turns: one indexes at a time. A turn is in the index seconds after its answer;
until then a search reads its text, so it is found at once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from bot.admin.search.turn_hashes import turn_hashes
from bot.observability.database_errors import report_fault
from bot.store.search import indexing
from bot.store.search.indexing import SettledText
from bot.store.search.segments import divide_log, is_incomplete, load_segments, open_next
from runtime.direct import AnyConnection, begin_directly, connect_directly
from runtime.isolation import run_isolated

#: Of each transaction.
TIMEOUT_S = 10.0
#: Of an older log: pauses as long as the work before them, so that it takes half a core at most.
_PAUSES = 1.0

#: A turn, and its place in the queue; None: it is one of an older log.
Item = tuple[int | None, UUID]


class SearchIndexer:
    """Indexes queued turns, then turns of a log that is older than the index."""

    def __init__(self, *, database: AsyncEngine) -> None:
        self._database = database

    async def index(self) -> None:
        """Run one round: until the queue is empty, and nothing is missing."""
        more = True
        while more:
            while await self.index_queued() == indexing.BATCH:
                continue
            began = time.monotonic()
            more = await self.index_missing()
            await asyncio.sleep((time.monotonic() - began) * _PAUSES if more else 0)

    async def index_queued(self) -> int:
        """Index a batch of queued turns; its size. 0 also where another bot is at it."""
        async with connect_directly(self._database) as connection:
            queued = await indexing.queued(connection)
        await self._index_isolated(list(queued.items()))
        return len(queued)

    async def index_missing(self) -> bool:
        """Index a batch of an older log, newest first; whether there may be more."""
        async with connect_directly(self._database) as connection:
            if not is_incomplete(await load_segments(connection)):
                return False
        async with begin_directly(self._database) as connection:
            if not await indexing.try_lock(connection):
                return False
            segments = await divide_log(connection)
            segment = next((one for one in segments if not one.indexed), None)
            if segment is None:
                return False
            missing = await indexing.missing(connection, segment)
            if not missing:
                await indexing.mark_indexed(connection, segment)
        await self._index_isolated([(None, turn_id) for turn_id in missing])
        return True

    async def _index_isolated(self, items: Sequence[Item]) -> None:
        await run_isolated(items, self._index, on_fault=self._leave_out, timeout_s=TIMEOUT_S)

    async def _index(self, items: Sequence[Item]) -> None:
        """Write the entries of these turns as they are now."""
        async with begin_directly(self._database) as connection:
            if not await indexing.try_lock(connection):
                return
            segments = await divide_log(connection)
            turns = await indexing.read_settled(connection, [turn_id for _, turn_id in items])
            hashes = await asyncio.to_thread(_hashes, turns)
            await indexing.write_entries(connection, segments, hashes)
            await open_next(connection)
            await _forget(connection, items, [turn.id for turn in turns])

    async def _leave_out(self, item: Item, error: Exception) -> None:
        report_fault("search_index", error, [item[1]])
        async with begin_directly(self._database) as connection:
            await indexing.leave_out(connection, item[1])
            await _forget(connection, [item], [item[1]])


async def _forget(connection: AnyConnection, items: Sequence[Item], read: Sequence[UUID]) -> None:
    numbers = [number for number, _ in items if number is not None]
    if numbers:
        await indexing.forget_queued(connection, numbers, read)


def _hashes(turns: Sequence[SettledText]) -> dict[tuple[UUID, datetime], list[int]]:
    return {(turn.id, turn.received_at): turn_hashes(turn) for turn in turns}
