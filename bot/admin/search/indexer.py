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

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bot.admin.search.turn_hashes import turn_hashes
from bot.store.search import indexing
from bot.store.search.indexing import BATCH, SettledText
from bot.store.search.segments import Segment, divide_log, open_next
from runtime.periodic import run_periodically
from runtime.timeouts import run_with_timeout

INDEX_EVERY_S = 2.0
TIMEOUT_S = 10.0
#: Of an older log: pauses as long as the work before them, so that it takes half a core at most.
_SHARE = 1.0


class SearchIndexer:
    """Indexes queued turns, then turns of a log that is older than the index."""

    def __init__(self, *, database: AsyncEngine) -> None:
        self._database = database

    async def keep_indexing(self) -> None:
        """Index until cancelled."""
        await run_periodically(self.index, INDEX_EVERY_S)

    async def index(self) -> None:
        """Run one round: until the queue is empty, and nothing is missing."""
        while await run_with_timeout(TIMEOUT_S, self.index_queued()) == BATCH:
            continue
        while True:
            began = time.monotonic()
            if not await run_with_timeout(TIMEOUT_S, self.index_missing()):
                return
            await asyncio.sleep((time.monotonic() - began) * _SHARE)
            while await run_with_timeout(TIMEOUT_S, self.index_queued()) == BATCH:
                continue

    async def index_queued(self) -> int:
        """Index a batch of queued turns; its size. 0 also where another bot is at it."""
        async with self._database.begin() as connection:
            if not await indexing.try_lock(connection):
                return 0
            queued = await indexing.queued(connection)
            if not queued:
                return 0
            read = await self._write(connection, list(set(queued.values())))
            await indexing.forget_queued(connection, list(queued), read)
        return len(queued)

    async def index_missing(self) -> bool:
        """Index a batch of an older log, newest first; whether there may be more."""
        async with self._database.begin() as connection:
            if not await indexing.try_lock(connection):
                return False
            segments = await divide_log(connection)
            segment = next((one for one in segments if not one.indexed), None)
            if segment is None:
                return False
            missing = await indexing.missing(connection, segment)
            await self._write(connection, missing)
            if len(missing) < BATCH:
                await indexing.mark_indexed(connection, segment)
        return True

    async def _write(self, connection: AsyncConnection, ids: Sequence[UUID]) -> list[UUID]:
        """Write the entries of these turns; the ids of those that were read."""
        segments: list[Segment] = await divide_log(connection)
        turns = await indexing.read_settled(connection, ids)
        hashes = await asyncio.to_thread(_hashes, turns)
        await indexing.write_entries(connection, segments, hashes)
        await open_next(connection)
        return [turn.id for turn in turns]


def _hashes(turns: Sequence[SettledText]) -> dict[tuple[UUID, datetime], list[int]]:
    return {(turn.id, turn.received_at): turn_hashes(turn) for turn in turns}
