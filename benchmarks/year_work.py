"""The long jobs of the dashboard over the log of a year, each carried out by a real bot.

They delete, so they run on a copy that is thrown away. While one runs, the age of the oldest
transaction is asked for: so long, at most, somebody waits for a row that the job has changed.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from aiohttp import ClientSession, CookieJar
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from benchmarks.figures import Figure, say
from benchmarks.page_addresses import find_names
from benchmarks.readers import NOWHERE, PASSWORD, log_in
from benchmarks.search_log import locked
from benchmarks.stack import Stores, cpu_s, running_bot
from benchmarks.visitor import Visitor
from benchmarks.year_log import running_year, year_folder
from onebox.embedded_servers import postgres_process, valkey_process
from runtime.database import connect_database

_LOOK_EVERY_S = 0.05
_WITHIN_S = 3600.0
#: About a tenth of the turns: the log spans 120 days.
_RULE = """
    INSERT INTO retention_rules (messenger, tenant, changed_at, changed_by, days)
    SELECT '', '', now() - interval '1 day', 'admin',
        extract(day FROM now() - min(received_at))::int - 12 FROM turns
"""
_OLDEST = """
    SELECT coalesce(max(extract(epoch FROM clock_timestamp() - xact_start)), 0) * 1000
    FROM pg_stat_activity
    WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() AND state <> 'idle'
"""


@dataclass(frozen=True, slots=True)
class Size:
    """The amount of work."""

    turns: int = 1_000_000


@dataclass(frozen=True, slots=True)
class Job:
    """Something that the bot does; ``done`` is a number, once it is done, of what was done."""

    name: str
    order: Callable[[], Awaitable[object]]
    done: str


async def bench(size: Size) -> list[Figure]:
    """A row for each job: seconds, what was done, the oldest transaction."""
    async with running_year(size.turns):
        pass
    folder = year_folder(size.turns)
    copy = folder.with_name(f"{folder.name}-work")
    async with locked(copy):
        await asyncio.to_thread(shutil.rmtree, copy, ignore_errors=True)
        async with locked(folder):
            await asyncio.to_thread(shutil.copytree, folder, copy)
        try:
            return await _work(copy)
        finally:
            await asyncio.to_thread(shutil.rmtree, copy)


async def _work(folder: Path) -> list[Figure]:
    settings = {"admin_password": PASSWORD}
    async with postgres_process(folder) as postgres, valkey_process(folder) as valkey:
        database = connect_database(postgres.url, pool_size=2)
        async with database.begin() as connection:
            names = await find_names(connection, PASSWORD)
            await connection.execute(text("DELETE FROM retention_runs"))
            await connection.execute(text(_RULE))
        stores = Stores(postgres, valkey, folder)
        async with (
            running_bot(stores, NOWHERE, **settings) as bot,
            ClientSession(cookie_jar=CookieJar(unsafe=True)) as http,
        ):
            await log_in(http, bot.url)
            visitor = Visitor(http, bot.url)
            figures = []
            for job in _jobs(visitor, names["person"]):
                bot_s, postgres_s = cpu_s(bot.process), cpu_s(postgres.process)
                took_s, amount, oldest_ms = await _carried_out(database, job)
                bot_s, postgres_s = cpu_s(bot.process) - bot_s, cpu_s(postgres.process) - postgres_s
                told = (
                    f"{amount:,}; oldest transaction {oldest_ms:.0f} ms; "
                    f"processor: bot {bot_s:.1f}, Postgres {postgres_s:.1f} s"
                )
                say(f"work {job.name}: {took_s:.1f} s, {told}")
                figures.append(Figure(f"work {job.name}", took_s, "s", told))
        await database.dispose()
        return figures


def _jobs(visitor: Visitor, person: str) -> list[Job]:
    recipe = {"name": "벤치", "kind": "sft", "max_tokens": "2048"}
    query = "검토:good 날짜:2026-10-25..2026-10-31"
    export = {"list": "turns", "format": "csv", "query": "", "reason": "벤치"}
    sure = {"reason": "본인 요청", "sure": "yes"}
    return [
        Job(
            "retention of a tenth",
            visitor_rests,
            "SELECT turns FROM retention_runs WHERE finished_at IS NOT NULL ORDER BY id LIMIT 1",
        ),
        Job(
            "data set of judged turns",
            lambda: visitor.post("/datasets", q=query, **recipe),
            "SELECT made FROM datasets WHERE name = '벤치' AND ended_at IS NOT NULL",
        ),
        Job(
            "export of turns",
            lambda: visitor.post("/exports", **export),
            "SELECT rows FROM exports WHERE reason = '벤치' AND ended_at IS NOT NULL",
        ),
        Job(
            "erasure of a person",
            lambda: visitor.post(f"/people/{person}/erase", **sure),
            "SELECT (counts ->> 'turns')::int FROM erasure_orders"
            " WHERE receipt IS NOT NULL AND finished_at IS NOT NULL",
        ),
    ]


async def visitor_rests() -> None:
    """Nothing is ordered: the bot begins by itself."""


async def _carried_out(database: AsyncEngine, job: Job) -> tuple[float, int, float]:
    """Seconds, what was done, and the age of the oldest transaction meanwhile, milliseconds."""
    await job.order()
    began, oldest_ms = time.monotonic(), 0.0
    async with database.connect() as connection, asyncio.timeout(_WITHIN_S):
        autocommit = await connection.execution_options(isolation_level="AUTOCOMMIT")
        while True:
            oldest_ms = max(oldest_ms, float(await autocommit.scalar(text(_OLDEST)) or 0))
            amount = await autocommit.scalar(text(job.done))
            if amount is not None:
                return time.monotonic() - began, int(amount), oldest_ms
            await asyncio.sleep(_LOOK_EVERY_S)
