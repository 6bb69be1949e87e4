"""The values of a field that occur in the newest turns."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.store.schema import turns

#: Turns that are looked at: a millisecond's work.
NEWEST = 2_000

#: Fields without personal data whose values nobody knows by heart.
_COLUMNS = {
    "tenant": turns.c.tenant,
    "model": turns.c.model,
    "preset": turns.c.preset,
    "config": turns.c.config_version,
}


async def occurring_values(database: AsyncEngine, field: str) -> list[str]:
    """The distinct values of the newest turns, the most frequent first; empty for other fields."""
    if (column := _COLUMNS.get(field)) is None:
        return []
    newest = select(column.label("value")).order_by(turns.c.received_at.desc()).limit(NEWEST)
    value = newest.subquery().c.value
    counted = select(value).where(value.is_not(None)).group_by(value).order_by(func.count().desc())
    async with database.connect() as connection:
        return [str(found) for found in (await connection.execute(counted)).scalars()]
