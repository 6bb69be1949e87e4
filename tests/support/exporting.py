"""Exports in tests: ordered by a form, carried out by an exporter, downloaded."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from bot.admin.exported_lists import exported_lists
from bot.admin.exports.exporter import Exporter
from bot.admin.exports.limits import MEGABYTE, Limits
from tests.support.admin import MESSENGER_LABELS, Client, send

REASON = "월간 품질 점검"
LIMITS = Limits(max_rows=10_000, max_bytes=50 * MEGABYTE, kept_days=7, reserve_bytes=100 * MEGABYTE)


@pytest.fixture
async def transactions(database_url: str) -> AsyncIterator[AsyncEngine]:
    """As the bot's loops connect."""
    engine = create_async_engine(database_url)
    yield engine
    await engine.dispose()


def plenty(_folder: Path) -> int:
    """A disk with room."""
    return 1000 * MEGABYTE


def an_exporter(
    database: AsyncEngine,
    folder: Path,
    *,
    limits: Limits = LIMITS,
    free: Callable[[Path], int] = plenty,
) -> Exporter:
    """Of a bot whose data directory is the folder."""
    lists = exported_lists(MESSENGER_LABELS)
    return Exporter(database=database, lists=lists, limits=limits, data_dir=folder, free=free)


async def order(
    client: Client, name: str = "turns", form: str = "csv", *, query: str = "", reason: str = REASON
) -> str:
    """Order an export; the address of its page."""
    response = await send(
        client, "/admin/exports", list=name, format=form, query=query, reason=reason
    )
    assert response.status == 303, await response.text()
    return response.headers["Location"]


async def page_of(client: Client, address: str) -> str:
    response = await client.get(address)
    assert response.status == 200
    return await response.text()


async def downloaded(client: Client, address: str) -> bytes:
    """The file, as its button gives it."""
    html = await page_of(client, address)
    assert re.search(rf'action="{address}/download"', html), html
    response = await send(client, f"{address}/download")
    assert response.status == 200
    assert response.headers["Content-Disposition"].startswith("attachment; filename=")
    data = await response.read()
    assert len(data) == response.content_length
    return data
