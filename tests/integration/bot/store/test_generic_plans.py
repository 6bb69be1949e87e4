"""Statements of a turn keep to its own rows, also by a plan of an empty database for any values.

Connections plan them once, at the start, when tables and statistics are of another size.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from sqlalchemy import ClauseElement, text
from sqlalchemy.dialects.postgresql.asyncpg import dialect
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.store.cancellation import CANCEL_WAITING
from bot.store.delivery_claims import CLAIM_ONE
from bot.store.inbox import ACCEPT, ACCEPT_JOBS
from bot.store.queueing import QUEUE
from bot.store.settlements import LOCK_SETTLING, SETTLE, SETTLE_UNREAD
from bot.store.turn_outcomes import LOAD_OUTCOMES
from bot.store.waiting_turns import WAITING
from runtime.database import connect_database

#: What makes Postgres take an index for tables of one page, as it does for large ones.
LOOK_UP = ("enable_seqscan", "enable_hashjoin", "enable_mergejoin")


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = connect_database(database_url, pool_size=1)
    yield engine
    await engine.dispose()


@pytest.mark.parametrize(
    "statement",
    [
        *(ACCEPT, ACCEPT_JOBS, WAITING, QUEUE, LOCK_SETTLING, SETTLE, SETTLE_UNREAD),
        *(CANCEL_WAITING, CLAIM_ONE, LOAD_OUTCOMES),
    ],
    ids=[
        *("accept", "accept_jobs", "waiting", "queue", "lock", "settle", "settle_unread"),
        *("cancel", "claim", "outcomes"),
    ],
)
async def test_no_table_or_index_is_read_whole(
    database: AsyncEngine, statement: ClauseElement
) -> None:
    scans = [
        node for node in await generic_plan(database, statement) if "Scan" in node["Node Type"]
    ]
    assert {"turns"} <= {node.get("Relation Name") for node in scans}
    assert [node for node in scans if node["Node Type"] == "Seq Scan"] == []
    assert [node for node in scans if "Index Name" in node and "Index Cond" not in node] == []


async def generic_plan(database: AsyncEngine, statement: ClauseElement) -> list[dict[str, Any]]:
    """The nodes of the plan."""
    sql = str(statement.compile(dialect=dialect()))  # type: ignore[no-untyped-call]
    values = ", ".join(["NULL"] * len(set(re.findall(r"\$\d+", sql))))
    async with database.begin() as connection:
        for name in LOOK_UP:
            await connection.execute(text(f"SET LOCAL {name} = off"))
        await connection.execute(text("SET LOCAL plan_cache_mode = force_generic_plan"))
        await connection.exec_driver_sql(f"PREPARE looked_at AS {sql}")
        explain = f"EXPLAIN (FORMAT JSON) EXECUTE looked_at ({values})"
        [plan] = (await connection.exec_driver_sql(explain)).scalar_one()
        return list(_nodes(plan["Plan"]))


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for below in node.get("Plans", []):
        yield from _nodes(below)
