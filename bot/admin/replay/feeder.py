"""The job that carries out replays: finds their turns, feeds the background lane, takes results."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bot.admin.replay.past_prompts import PastPrompts
from bot.admin.replay.results import ResultTaker
from bot.admin.search.fields import all_fields
from bot.admin.turns.filters import BadCursor, Cursor, read_search
from bot.admin.turns.listing import list_ids
from bot.domain.replays import ReplayState
from bot.store.locks import OneBot, try_lock
from bot.store.replays import items, orders, records
from bot.store.replays.items import WaitingItem
from bot.store.replays.kept_pictures import outlived_jobs, seeing_turns
from bot.store.replays.records import Replay
from inference_queue.background import client
from runtime.database import DATABASE_ERRORS, fault_fields
from runtime.timeouts import run_with_timeout

log = structlog.get_logger(__name__)

#: The failure of a turn that is no job any more.
UNASKABLE = "unaskable"
#: Jobs of one replay in the lane: enough for many slots, and little to take back.
WINDOW = 64
#: Jobs with pictures that one step adds: each may have a megabyte.
MAX_WITH_PICTURES = 8
#: Steps of a replay in one round.
PAGES = 10
TIMEOUT_S = 30.0


class ReplayFeeder:
    """Carries out replays in small transactions; after a restart it goes on with what is left."""

    def __init__(
        self,
        *,
        database: AsyncEngine,
        prompts: PastPrompts,
        messenger_labels: Mapping[str, str],
    ) -> None:
        self._database = database.execution_options(isolation_level="READ COMMITTED")
        self._prompts = prompts
        self._messengers = dict(messenger_labels)
        self._results = ResultTaker()

    async def feed(self) -> None:
        """Do the next steps of each replay that goes on.

        Raises DATABASE_ERRORS, once every replay has had its turn.
        """
        async with self._database.connect() as connection:
            open_ids = await orders.open_ids(connection)
        failed: Exception | None = None
        for replay_id in open_ids:
            try:
                await self._steps(replay_id)
            except DATABASE_ERRORS as error:
                log.warning("replay_step_failed", replay=replay_id, **fault_fields(error))
                failed = error
        if failed is not None:
            raise failed

    async def _steps(self, replay_id: int) -> None:
        for _ in range(PAGES):
            if not await run_with_timeout(TIMEOUT_S, self._step(replay_id)):
                return

    async def _step(self, replay_id: int) -> bool:
        """Whether there is more to do at once."""
        async with self._database.begin() as connection:
            # Each replay is locked as well: stopping it waits for a step at most.
            if not await try_lock(connection, OneBot.REPLAYS):
                return False
            replay = await orders.lock_open(connection, replay_id)
            if replay is None:
                return False
            if replay.state is ReplayState.COLLECTING:
                await self._collect(connection, replay)
                return True
            return await self._run(connection, replay)

    async def _collect(self, connection: AsyncConnection, replay: Replay) -> None:
        """Add the next page of the search, as its author would see it: masked."""
        query = read_search({"q": replay.query}, all_fields(self._messengers), datetime.now(UTC))
        ids, following = await list_ids(
            self._database, query, _cursor(replay.cursor), self._messengers
        )
        counts = await records.count_items(connection, [replay.id])
        room = replay.max_turns - (counts[replay.id].total if replay.id in counts else 0)
        added = await orders.add_items(connection, replay.id, ids, at_most=room)
        is_over = following is None or added >= room
        await orders.collected_to(connection, replay.id, None if is_over else str(following))

    async def _run(self, connection: AsyncConnection, replay: Replay) -> bool:
        is_full = await self._results.take(connection, replay)
        over = await items.orphaned_jobs(connection, replay.id, replay.batch_id)
        over += await outlived_jobs(connection, replay.id, replay.batch_id)
        await client.cancel_jobs(connection, over)
        await items.return_lost(connection, replay.id)
        queued = await items.count_queued(connection, replay.id)
        fed = await self._fill(connection, replay, WINDOW - queued) if queued < WINDOW else 0
        if not queued and not fed:
            await orders.end(connection, replay.id)
            log.info("replay_ended", replay=replay.id)
        return is_full

    async def _fill(self, connection: AsyncConnection, replay: Replay, room: int) -> int:
        """Ask the next turns; how many were taken up."""
        waiting = await self._next(connection, replay, room)
        if not waiting:
            return 0
        turn_ids = [item.turn_id for item in waiting]
        jobs = await self._prompts.jobs(connection, turn_ids, replay.options)
        asked = {item.position: jobs[item.turn_id] for item in waiting if item.turn_id in jobs}
        await client.enqueue(
            connection, replay.batch_id, list(asked.values()), replay.options.target
        )
        ids = {position: job.id for position, job in asked.items()}
        await items.mark_queued(connection, replay.id, ids)
        lost = [item.position for item in waiting if item.position not in asked]
        await items.mark_failed(connection, replay.id, lost, UNASKABLE)
        return len(waiting)

    async def _next(
        self, connection: AsyncConnection, replay: Replay, room: int
    ) -> list[WaitingItem]:
        """The next turns to ask, as far as their pictures fit into one transaction."""
        waiting = await items.waiting_items(connection, replay.id, limit=room)
        seeing = await seeing_turns(connection, [item.turn_id for item in waiting])
        beyond = [item for item in waiting if item.turn_id in seeing][MAX_WITH_PICTURES:]
        return waiting[: waiting.index(beyond[0])] if beyond else waiting


def _cursor(stored: str) -> Cursor | None:
    try:
        return Cursor.parse(stored) if stored else None
    except BadCursor:
        return None
