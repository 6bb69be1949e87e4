"""Waiting until a statement waits for another transaction's lock."""

from __future__ import annotations

import asyncio

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

BLOCKED = text(
    """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'
    """
)


async def until_blocked(database: AsyncEngine, statements: int = 1) -> None:
    """Return once so many statements wait for a lock in this database."""
    async with (
        asyncio.timeout(20),
        database.execution_options(isolation_level="AUTOCOMMIT").connect() as connection,
    ):
        while await connection.scalar(BLOCKED) < statements:
            await asyncio.sleep(0.005)
