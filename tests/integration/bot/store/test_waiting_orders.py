"""One statement tells which of the dashboard's jobs have something to do."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from bot.store.waiting_orders import JOBS, waiting_orders

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
    "replays": (
        "INSERT INTO replays (name, author, state, max_turns, options, batch_id, seed) "
        "VALUES ('n', 'admin', 'collecting', 9, '{}', gen_random_uuid(), 1)"
    ),
    "datasets": (
        "INSERT INTO datasets (name, version, kind, query, loose, preset, max_tokens, batch_id,"
        " author, state) "
        "VALUES ('n', 1, 'sft', '', false, 'p', 99, gen_random_uuid(), 'lee', 'checking')"
    ),
    "review_queues": (
        "WITH author AS (INSERT INTO dashboard_users (name, role) VALUES ('lee', 'admin') "
        "RETURNING id) INSERT INTO review_queues (name, sampling, seed, created_by) "
        "SELECT 'n', 'all', 1, id FROM author"
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


def test_every_job_with_orders_is_tested() -> None:
    assert set(ORDERS) == set(JOBS)


@pytest.mark.parametrize("name", ORDERS)
async def test_what_is_ordered_is_seen(database: AsyncEngine, name: str) -> None:
    async with database.begin() as connection:
        await connection.execute(text(ORDERS[name]))
    assert name in await waiting(database)


async def test_what_is_done_is_not_seen(database: AsyncEngine) -> None:
    async with database.begin() as connection:
        await connection.execute(text("INSERT INTO bulk_resends (ended_at) VALUES (now())"))
    assert "bulk_resends" not in await waiting(database)
