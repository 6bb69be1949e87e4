"""Data sets in tests: ordered by a form, built, and read."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.admin.datasets.builder import DatasetBuilder
from tests.support.admin import MESSENGER_LABELS, Client, send


async def order_dataset(client: Client, kind: str = "sft", **fields: str) -> str:
    """Order a data set; the address of its page."""
    given = {"name": "환불", "kind": kind} | fields
    response = await send(client, "/admin/datasets", **given)
    assert response.status == 303, await response.text()
    return response.headers["Location"]


async def build(database: AsyncEngine) -> None:
    """What a bot's job does at its next look."""
    await DatasetBuilder(database=database, messenger_labels=MESSENGER_LABELS).build()


async def contents(database: AsyncEngine, dataset_id: int = 1) -> list[dict[str, Any]]:
    """The items of a data set, by id."""
    statement = text("SELECT content FROM dataset_items WHERE dataset_id = :id ORDER BY id")
    async with database.connect() as connection:
        return list((await connection.execute(statement, {"id": dataset_id})).scalars())


async def stored(database: AsyncEngine, dataset_id: int = 1) -> Any:
    """The row of a data set."""
    statement = text("SELECT * FROM datasets WHERE id = :id")
    async with database.connect() as connection:
        return (await connection.execute(statement, {"id": dataset_id})).one()
