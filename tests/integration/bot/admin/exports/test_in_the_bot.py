"""The whole bot carries out what is ordered, with a real worker that checks a data set."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.domain.datasets import DatasetKind
from bot.domain.exports import ExportFormat
from bot.store.datasets import sets
from bot.store.datasets.sets import Recipe
from bot.store.exports import orders
from bot.store.exports.orders import Order
from inference_worker.engines.local.engine import LocalEngine
from tests.support.judging import judge
from tests.support.models import demo_cache, demo_dir, stopped_demo_engine
from tests.support.sample_turns import add_turn
from tests.support.stack import running_stack

__all__ = ["demo_cache", "demo_dir", "stopped_demo_engine"]


async def until(look: Callable[[], Awaitable[Any]], wanted: Any) -> None:
    async with asyncio.timeout(90):
        while await look() != wanted:
            await asyncio.sleep(0.1)


async def test_a_bot_makes_files_and_a_worker_checks_its_data_sets(
    database: AsyncEngine,
    database_url: str,
    redis_url: str,
    tmp_path: Path,
    stopped_demo_engine: LocalEngine,
) -> None:
    await judge(database, await add_turn(database, "What is a cat?", "A small animal."))
    recipe = Recipe(
        name="demo", kind=DatasetKind.SFT, query="", loose=False, preset="demo", max_tokens=500
    )

    async def one(statement: str) -> Any:
        async with database.connect() as connection:
            return await connection.scalar(text(statement))

    async with database.begin() as connection:
        await sets.make(connection, recipe, author="admin")
    settings: dict[str, Any] = {"data_dir": tmp_path, "export_disk_reserve_mb": 0}
    async with running_stack(database_url, redis_url, stopped_demo_engine, **settings):
        await until(lambda: one("SELECT state FROM datasets"), "ready")
        assert await one("SELECT tokens FROM dataset_items") > 5
        for name, form in (("turns", ExportFormat.XLSX), ("datasets", ExportFormat.DATASET)):
            order = Order(
                author="admin", list=name, query="dataset=1", format=form, reason="점검",
                language="ko",
            )  # fmt: skip
            async with database.begin() as connection:
                await orders.place(connection, order)
        await until(lambda: one("SELECT count(*) FROM exports WHERE state = 'done'"), 2)
    assert await one("SELECT count(*) FROM export_parts WHERE of_file") == 2
    assert await one("SELECT count(*) FROM export_parts WHERE NOT of_file") == 0
