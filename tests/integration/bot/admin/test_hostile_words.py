"""Markup in every field of every table stays text on every page."""

from __future__ import annotations

import re

from sqlalchemy import Column, Table, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.store.schema import metadata
from tests.support.admin import Client
from tests.support.admin_pages import PAGES, PICTURED, add_everything

MARKUP = "<script>alert(1)</script>\"'><img src=x onerror=y>{{ 7 * 7 }}\u202e"
#: Whose values other columns or the addresses of these pages are made of: their rows would be gone.
KEYS = {
    "conversations.key", "conversations.room", "conversations.tenant", "turns.tenant",
    "turns.sender", "dashboard_users.name", "dashboard_users.password_hash", "replays.author",
    "exports.author", "config_drafts.author", "sandbox_answers.author", "datasets.query",
}  # fmt: skip
FORBIDDEN = re.compile('<script>alert|<img src=x|onerror=y>"|\\b49\u202e')


def _words(table: Table, column: Column[object]) -> str | None:
    """What puts the markup behind the column's words; None: it holds none."""
    if f"{table.name}.{column.name}" in KEYS or column.primary_key or column.foreign_keys:
        return None
    if isinstance(column.type, JSONB):
        return (
            f'regexp_replace({column.name}::text, \'": "([^"]*)"\','
            f" '\": \"\\1' || :escaped || '\"', 'g')::jsonb"
        )
    return f"{column.name} || :markup" if isinstance(column.type, Text) else None


async def spoil(database: AsyncEngine) -> set[str]:
    """Put markup into all columns that take it; their names."""
    spoilt = set()
    escaped = MARKUP.replace('"', '\\"')
    for table in metadata.sorted_tables:
        for column in table.columns:
            if (value := _words(table, column)) is None:
                continue
            statement = text(f"UPDATE {table.name} SET {column.name} = {value}")
            given = {"escaped": escaped} if ":escaped" in value else {"markup": MARKUP}
            try:
                async with database.begin() as connection:
                    if (await connection.execute(statement, given)).rowcount:
                        spoilt.add(f"{table.name}.{column.name}")
            except DBAPIError:
                continue  # one of a few fixed words
    return spoilt


async def test_markup_in_every_field_stays_text_on_every_page(
    operator: Client, database: AsyncEngine
) -> None:
    ids = await add_everything(database)
    spoilt = await spoil(database)
    assert {"turns.text", "turns.answer", "turns.failure_message", "feedback.note"} <= spoilt
    assert len(spoilt) > 40
    shown, faults = 0, []
    for page in (*PAGES.values(), *PICTURED.values()):
        response = await operator.get(f"/admin{page.address.format_map(ids)}")
        html = await response.text()
        shown += "&lt;script&gt;alert(1)" in html
        if response.status >= 500 or FORBIDDEN.search(html):
            faults.append(f"{page.address}: {response.status} {FORBIDDEN.findall(html)}")
    assert not faults, "\n".join(faults)
    assert shown > 25
