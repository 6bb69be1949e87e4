"""The filling of review queues, away from requests; with several bots, by one at a time.

A new queue is filled out of the whole log, block by block from the newest turn. One that fills
itself then takes every turn that changed since and meets its query, or, where it takes a sample,
once a day a sample of the turns of that day. A restart begins the filling anew: it chooses the same
turns.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bot.admin.reviews import random_walk
from bot.admin.reviews.choosing import Choice, choose_query, sampler_for
from bot.admin.reviews.filling_times import LOOK_BACK, Window, due
from bot.observability.database_errors import report_database_error
from bot.store.locks import OneBot, try_lock
from bot.store.reviews import candidates, queues
from bot.store.reviews.queues import Queue
from runtime.database import DATABASE_ERRORS, fault_fields, is_gone
from runtime.timeouts import run_with_timeout

log = structlog.get_logger(__name__)

#: Of one queue's filling out of the whole log.
TIMEOUT_S = 300.0
#: After a fault of one queue; the others go on.
REST_S = 60.0
#: Blocks between two notes of how far the filling has come.
_NOTED_BLOCKS = 64


def _now() -> datetime:
    return datetime.now(UTC)


class QueueFiller:
    """Fills open queues.

    ``messengers``: their labels by name, which queries may hold. ``clock``: the aware time.
    """

    def __init__(
        self,
        *,
        database: AsyncEngine,
        messengers: dict[str, str],
        clock: Callable[[], datetime] = _now,
    ) -> None:
        self._database = database
        self._messengers = messengers
        self._clock = clock
        self._rests_until: dict[int, float] = {}

    async def fill(self) -> None:
        """Fill every queue that is due. Raises DATABASE_ERRORS where Postgres is gone."""
        async with self._database.connect() as connection:
            listed = await queues.to_fill(connection)
        now = self._clock()
        for queue in listed:
            rests = self._rests_until.get(queue.id, 0) > time.monotonic()
            if not rests and (window := due(queue, now)):
                await self._fill_isolated(queue, window)

    async def _fill_isolated(self, queue: Queue, window: Window) -> None:
        try:
            await run_with_timeout(TIMEOUT_S, self._fill_locked(queue, window))
        except DATABASE_ERRORS as error:
            report_database_error("review_queue", error)
            if is_gone(error) and not isinstance(error, TimeoutError):
                raise
            self._rests_until[queue.id] = time.monotonic() + REST_S
            fault = fault_fields(error).get("error", "")
            async with self._database.begin() as connection:
                await queues.mark_fault(connection, queue.id, fault)

    async def _fill_locked(self, queue: Queue, window: Window) -> None:
        """Fill a queue, unless another bot is at it, or has been since it was listed."""
        async with self._database.begin() as connection:
            if not await try_lock(connection, OneBot.REVIEW_QUEUES):
                return
            known = await queues.find(connection, queue.id)
            if known is None or known.closed_at or known.filled_until != queue.filled_until:
                return
            choice = await choose_query(self._database, queue, self._messengers, window)
            if window.changed_after is not None:
                added = await self._add_changed(connection, choice, window.changed_after)
            else:
                added = await self._add_sample(connection, choice)
        if added:
            log.info("review_queue_filled", queue=queue.id, turns=added)

    async def _add_changed(
        self, connection: AsyncConnection, choice: Choice, after: datetime
    ) -> int:
        """Add every turn that changed since the last look and meets the query."""
        queue, seen_until = choice.queue, choice.now - LOOK_BACK
        changed = await candidates.changed_since(connection, after)
        if len(changed) == candidates.MAX_CHANGED:
            seen_until = max(changed.values())  # the rest follows in the next round
        found = await candidates.found_among(connection, choice.selection, list(changed))
        visible = [turn.turn_id for turn in await choice.visible(found)]
        return await _end(connection, queue, visible, seen_until, queue.scanned + len(changed))

    async def _add_sample(self, connection: AsyncConnection, choice: Choice) -> int:
        """Add a sample of the turns of the window, or its newest ones."""
        queue, scanned = choice.queue, choice.queue.scanned
        if await random_walk.is_long(connection, choice):
            sample = await random_walk.walk(connection, choice)
            if sample is not None:
                return await _end(connection, queue, sample, choice.now, scanned + len(sample))
        sampler = sampler_for(queue)
        below: datetime | None = choice.until
        blocks = 0
        while below is not None and not sampler.is_full():
            block = await candidates.next_block(connection, choice.selection, choice.since, below)
            for turn in await choice.visible(block.found):
                sampler.add(turn)
            below, scanned, blocks = block.below, scanned + block.looked_at, blocks + 1
            if not blocks % _NOTED_BLOCKS:
                await self._note(queue.id, scanned)
        chosen = [turn.turn_id for turn in sampler.chosen()]
        return await _end(connection, queue, chosen, choice.now, scanned)

    async def _note(self, queue_id: int, scanned: int) -> None:
        """Show how far the filling has come, whose own transaction goes on."""
        async with self._database.begin() as connection:
            await queues.mark_scanned(connection, queue_id, scanned)


async def _end(
    connection: AsyncConnection,
    queue: Queue,
    turn_ids: list[UUID],
    seen_until: datetime,
    scanned: int,
) -> int:
    """Add turns as far as there is room; how many were not there yet.

    One that was closed meanwhile stays as it is: its filling begins anew once it is opened.
    """
    if not await queues.hold_open(connection, queue.id):
        return 0
    room = await queues.room(connection, queue.id)
    added = await queues.add_turns(connection, queue.id, turn_ids[:room])
    await queues.mark_filled(connection, queue.id, seen_until, scanned)
    return added
