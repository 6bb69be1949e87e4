"""A bot that stops in the middle of an order leaves it at once to the next one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from bot.admin.datasets.builder import DatasetBuilder
from bot.store.waiting_orders import waiting_orders
from tests.integration.bot.privacy.erasers import ordered_erasures
from tests.support.admin import MESSENGER_LABELS
from tests.support.lock_waits import until_waiting

#: The order, and the table that its work waits for.
ORDERS = {
    "datasets": (
        (
            "INSERT INTO datasets (name, version, kind, query, loose, preset, max_tokens, batch_id,"
            " author, state) VALUES ('n', 1, 'sft', '', false, 'p', 99, gen_random_uuid(), 'lee',"
            " 'checking')"
        ),
        "dataset_checks",
    ),
    "erasures": (
        (
            "INSERT INTO erasure_orders (id, messenger, tenant, sender, person, name, actor) "
            "VALUES (gen_random_uuid(), 'kakao', '', 'kim', 'digest', '', 'admin')"
        ),
        "turns",
    ),
}


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine(database_url, poolclass=NullPool)
    yield engine
    await engine.dispose()


@pytest.mark.parametrize("name", ORDERS)
async def test_an_order_whose_bot_stops_waits_for_no_lease(
    database: AsyncEngine, redis_url: str, name: str
) -> None:
    order, table = ORDERS[name]
    async with AsyncExitStack() as exits:
        erasures = await exits.enter_async_context(ordered_erasures(database, redis_url))
        builder = DatasetBuilder(database=database, messenger_labels=MESSENGER_LABELS)
        work: dict[str, Callable[[], Awaitable[None]]] = {
            "datasets": builder.build,
            "erasures": erasures.erase,
        }
        async with database.begin() as connection:
            await connection.execute(text(order))
        async with database.begin() as holding:
            await holding.execute(text(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE"))
            running = asyncio.ensure_future(work[name]())
            await until_waiting(database)
            async with database.connect() as connection:
                assert name not in await waiting_orders(connection)
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running
        async with database.connect() as connection:
            assert name in await waiting_orders(connection)
