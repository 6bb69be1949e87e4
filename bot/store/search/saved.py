"""Searches that operators have saved; the commits are the caller's."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.store.schema import saved_searches

#: Of one owner.
MAX_SAVED = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedSearch:
    """A search with its name."""

    id: int
    name: str
    query: str


async def list_saved(connection: AsyncConnection, owner: str) -> list[SavedSearch]:
    """The owner's searches, by name."""
    table = saved_searches.c
    statement = select(table.id, table.name, table.query).where(table.owner == owner)
    rows = await connection.execute(statement.order_by(table.name).limit(MAX_SAVED))
    return [SavedSearch(**row._asdict()) for row in rows]


async def save(connection: AsyncConnection, owner: str, name: str, query: str) -> int | None:
    """Save a search, in place of one of the same name; its id, None: the owner has too many."""
    table = saved_searches.c
    others = select(func.count()).where(table.owner == owner, table.name != name)
    if (await connection.scalar(others) or 0) >= MAX_SAVED:
        return None
    new = insert(saved_searches).values(owner=owner, name=name, query=query)
    saved = new.on_conflict_do_update(index_elements=["owner", "name"], set_={"query": query})
    search_id: int | None = await connection.scalar(saved.returning(table.id))
    return search_id


async def delete_saved(connection: AsyncConnection, owner: str, search_id: int) -> bool:
    """Delete one of the owner's searches; whether there was one."""
    table = saved_searches.c
    statement = delete(saved_searches).where(table.id == search_id, table.owner == owner)
    return bool((await connection.execute(statement)).rowcount)
