"""The search index in tests: indexed at once, and asked through the pages' own functions."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

from sqlalchemy import text as sql
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.admin.search.compile import compile_query
from bot.admin.search.fields import all_fields
from bot.admin.search.indexer import SearchIndexer
from bot.admin.search.query import parse
from bot.admin.turns.finding import find_turns
from bot.admin.turns.identities import find_identities
from tests.support.admin import MESSENGER_LABELS

FIELDS = all_fields(MESSENGER_LABELS)


async def index_all(database: AsyncEngine) -> int:
    """Index every queued turn now, as if it had rested, and all of an older log; their number."""
    async with database.begin() as connection:
        await connection.execute(
            sql("UPDATE search_queue SET queued_at = queued_at - interval '1 minute'")
        )
    await SearchIndexer(database=database).index()
    async with database.connect() as connection:
        return int(await connection.scalar(sql("SELECT count(*) FROM search_entries")) or 0)


async def found(database: AsyncEngine, box: str) -> list[str]:
    """The questions that a search finds on its first page, newest first."""
    return [question async for question in _questions(database, box, pages=1)]


async def found_on_all_pages(database: AsyncEngine, box: str) -> list[str]:
    """The questions on all its pages."""
    return [question async for question in _questions(database, box, pages=100)]


async def _questions(database: AsyncEngine, box: str, *, pages: int) -> AsyncIterator[str]:
    query = parse(box, FIELDS)
    assert query.problems == (), query.problems
    criteria = compile_query(query, datetime.now(UTC), await find_identities(database, query))
    after = None
    for _ in range(pages):
        page = await find_turns(database, criteria, after)
        for row in page.turns:
            yield row.text
        after = page.after
        if after is None:
            return
