"""One statement tells which of the dashboard's jobs have something to do."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from bot.store.waiting_orders import waiting_orders

ORDERS = {
    "search_index": (
        "INSERT INTO search_queue (turn_id, queued_at) "
        "VALUES (gen_random_uuid(), now() - interval '1 minute')"
    ),
    "bulk_resends": "INSERT INTO bulk_resends DEFAULT VALUES",
    "erasures": (
        "INSERT INTO erasure_orders (id, messenger, tenant, sender, person, name, actor) "
        "VALUES (gen_random_uuid(), 'kakao', '', 'kim', 'digest', '', 'admin')"
    ),
    "exports": (
        "INSERT INTO exports (author, list, format, reason, language) "
        "VALUES ('admin', 'turns', 'csv', '', 'ko')"
    ),
}


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine(database_url, poolclass=NullPool)
    yield engine
    await engine.dispose()


async def waiting(database: AsyncEngine) -> frozenset[str]:
    async with database.connect() as connection:
        return await waiting_orders(connection)


async def test_nothing_waits_in_an_empty_product(database: AsyncEngine) -> None:
    assert await waiting(database) <= {"search_index"}  # which divides the log at its first look


@pytest.mark.parametrize("name", ORDERS)
async def test_what_is_ordered_is_seen(database: AsyncEngine, name: str) -> None:
    async with database.begin() as connection:
        await connection.execute(text(ORDERS[name]))
    assert name in await waiting(database)


async def test_what_is_done_is_not_seen(database: AsyncEngine) -> None:
    async with database.begin() as connection:
        await connection.execute(text("INSERT INTO bulk_resends (ended_at) VALUES (now())"))
    assert "bulk_resends" not in await waiting(database)
