"""One statement tells which of the dashboard's jobs have something to do."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.background import ordered_jobs
from bot.store.waiting_orders import JOBS, waiting_orders

USER = "INSERT INTO dashboard_users (name) VALUES ('kim') RETURNING id"
ORDERS = {
    "search_index": (
        "INSERT INTO search_queue (turn_id, queued_at) "
        "VALUES (gen_random_uuid(), now() - interval '1 minute')"
    ),
    "bulk_resends": "INSERT INTO bulk_resends DEFAULT VALUES",
    "erasures": None,
}


async def waiting(database: AsyncEngine) -> frozenset[str]:
    async with database.connect() as connection:
        return await waiting_orders(connection)


async def test_nothing_waits_in_an_empty_product(database: AsyncEngine) -> None:
    assert await waiting(database) <= {"search_index"}  # which divides the log at its first look


@pytest.mark.parametrize("name", [name for name, order in ORDERS.items() if order])
async def test_what_is_ordered_is_seen(database: AsyncEngine, name: str) -> None:
    async with database.begin() as connection:
        await connection.execute(text(str(ORDERS[name])))
    assert name in await waiting(database)


async def test_what_is_done_is_not_seen(database: AsyncEngine) -> None:
    async with database.begin() as connection:
        await connection.execute(text("INSERT INTO bulk_resends (ended_at) VALUES (now())"))
    assert "bulk_resends" not in await waiting(database)
