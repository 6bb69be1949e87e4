"""The warm-up at the start: each connection prepares the statements of a turn.

A connection prepares and plans a statement at its first use: up to 40 ms for those of a schedule.
Most connections are first used in a rush, where that costs most. With empty arguments each
statement changes nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
from uuid import uuid4

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.domain.deliveries import DeliveryVia
from bot.store import (
    delivery_claims,
    inbox,
    queueing,
    settlements,
    sync_windows,
    waiting_turns,
)
from bot.store.row_filter import RowFilter
from inference_queue.client import JobQueue
from runtime.database import DATABASE_ERRORS
from runtime.direct import DirectConnection, connect_directly
from runtime.timeouts import run_with_timeout

log = structlog.get_logger(__name__)

TIMEOUT_S = 5.0


async def warm_up(database: AsyncEngine, queue: JobQueue, *, connections: int) -> None:
    """Run the statements of a turn without rows on all ``connections``; errors are logged."""
    try:
        await run_with_timeout(TIMEOUT_S, _warm_up(database, queue, connections))
    except DATABASE_ERRORS as error:
        log.warning("started_cold", error=type(error).__name__)


async def _warm_up(database: AsyncEngine, queue: JobQueue, count: int) -> None:
    async with contextlib.AsyncExitStack() as stack:
        connections = [
            await stack.enter_async_context(connect_directly(database)) for _ in range(count)
        ]
        # Wait for all of them: a connection must not be released while it is in use.
        ran = [_run_without_rows(one, queue) for one in connections]
        outcomes = await asyncio.gather(*ran, return_exceptions=True)
    for outcome in outcomes:
        if outcome is not None:
            raise outcome


async def _run_without_rows(connection: DirectConnection, queue: JobQueue) -> None:
    await inbox.accept(connection, [])
    await connection.execute(inbox.ACCEPT_JOBS, {"utterances": "[]", "payloads": "[]"})
    await waiting_turns.waiting_conversations(connection, [])
    await queueing.queue_turns(connection, [])
    await queue.finished(connection, 0)
    await settlements.settle(connection, [])
    await settlements.settle_unread(connection, [])
    await delivery_claims.claim_due(connection, 0, RowFilter(only=()))
    await delivery_claims.claim(connection, uuid4(), via=DeliveryVia.SYNC, states=())
    await sync_windows.close_sync_windows(connection, [])
