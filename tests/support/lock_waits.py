"""Waits until transactions wait for each other's locks: the order of a test's steps is certain."""

from __future__ import annotations

import asyncio

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

_WAITING = text(
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE datname = current_database() AND wait_event_type = 'Lock'"
)


async def until_waiting(database: AsyncEngine, sessions: int = 1, timeout_s: float = 60) -> None:
    """Return once so many sessions of the database wait for a lock."""
    async with asyncio.timeout(timeout_s):
        while True:
            async with database.connect() as connection:
                if int(await connection.scalar(_WAITING) or 0) >= sessions:
                    return
            await asyncio.sleep(0.02)
