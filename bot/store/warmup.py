"""Before the first message: Postgres gets to know the statements of a turn.

A connection learns the types of a statement and plans it when it first meets it: up to 40 ms for
the five of a schedule. Most connections are needed only where many things happen at once, and so
would meet them in the midst of the work. Each does nothing where it is given nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
from uuid import uuid4

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bot.domain.deliveries import DeliveryVia
from bot.store import deliveries, inbox, reconciliation, settlements, turns
from bot.store.row_filter import RowFilter
from inference_queue.client import JobQueue
from runtime.database import DATABASE_ERRORS
from runtime.timeouts import run_with_timeout

log = structlog.get_logger(__name__)

WITHIN_S = 5.0


async def warm_up(database: AsyncEngine, queue: JobQueue, *, connections: int) -> None:
    """Run the statements of a turn over nothing on so many. Raises nothing for the database."""
    try:
        await run_with_timeout(WITHIN_S, _warm_up(database, queue, connections))
    except DATABASE_ERRORS as error:
        log.warning("started_cold", error=type(error).__name__)


async def _warm_up(database: AsyncEngine, queue: JobQueue, count: int) -> None:
    async with contextlib.AsyncExitStack() as stack:
        connections = [await stack.enter_async_context(database.connect()) for _ in range(count)]
        # All have ended before the first connection is given back: none goes while it is in use.
        ran = [_run_over_nothing(one, queue) for one in connections]
        outcomes = await asyncio.gather(*ran, return_exceptions=True)
    for outcome in outcomes:
        if outcome is not None:
            raise outcome


async def _run_over_nothing(connection: AsyncConnection, queue: JobQueue) -> None:
    await inbox.accept(connection, [])
    await turns.lock_free_conversations(connection, [])
    await turns.waiting_turns(connection, [])
    await turns.queue_turns(connection, {}, preset="")
    await queue.enqueue(connection)
    await queue.completed(connection, 0)
    await settlements.settle(connection, [])
    await deliveries.claim_due(connection, 0, RowFilter(only=()))
    await deliveries.claim(connection, uuid4(), via=DeliveryVia.SYNC, states=())
    await deliveries.close_sync_windows(connection, [])
    await reconciliation.mark(connection, [])
