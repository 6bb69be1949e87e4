"""Every page of the dashboard, and what an hour of work posts, over the log of a year.

One reader asks a bot process by HTTP, one request at a time. ``processor``: what the bot and
Postgres computed for a request; on a shared machine it says more than the time.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial

from aiohttp import ClientSession, CookieJar

from benchmarks import search
from benchmarks.figures import Figure, median, percentile, say
from benchmarks.page_acts import ACTS, Work
from benchmarks.page_addresses import addresses, find_names, unknown_pages
from benchmarks.readers import NOWHERE, PASSWORD, log_in
from benchmarks.stack import Served, Stores, cpu_s, running_bot
from benchmarks.visitor import Shown, Visitor
from benchmarks.year_log import running_year, year_folder
from onebox.embedded_servers import EmbeddedServer, valkey_process
from runtime.database import connect_database

GOAL_MS, GOAL_KB = 100, 60
#: Encrypts the secret of the second factor, whose page is asked for.
_SECRET_KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="


@dataclass(frozen=True, slots=True)
class Size:
    """The amount of work."""

    turns: int = 1_000_000
    requests: int = 30  #: of each page
    acts: int = 10  #: of each kind


@dataclass(slots=True)
class Measured:
    """The answers to one kind of request, and the processor seconds that they took."""

    name: str
    shown: list[Shown] = field(default_factory=list)
    bot_s: float = 0.0
    postgres_s: float = 0.0

    def figure(self) -> Figure:
        """The row of the table: the p95 in milliseconds against the goal."""
        took = [one.ms for one in self.shown]
        p95, kb = percentile(took, 95), max(one.bytes for one in self.shown) / 1000
        each_ms = 1000 / len(self.shown)
        told = (
            f"p50 {median(took):.1f} ms; {kb:.1f} kB; processor: bot {self.bot_s * each_ms:.1f}, "
            f"Postgres {self.postgres_s * each_ms:.1f} ms; goal {GOAL_MS} ms, {GOAL_KB} kB"
        )
        return Figure(self.name, p95, "ms", told, p95 / GOAL_MS)


async def bench(size: Size) -> list[Figure]:
    """A row for each page and each act."""
    if unknown := unknown_pages():
        raise ValueError(f"benchmarks/page_addresses.py differs in these pages: {sorted(unknown)}")
    async with running_dashboard(size.turns) as rig:
        names = await rig.names()
        figures: list[Figure] = []
        for template, address in addresses(names).items():
            page = partial(rig.visitor.get, address)
            figures.append(await rig.measure(f"page {template}", page, size.requests))
        work = Work(rig.visitor, names)
        for name, act in ACTS.items():
            figures.append(await rig.measure(f"act {name}", partial(act, work), size.acts))
        return [*figures, *await rig.searches(size.requests)]


class Rig:
    """A bot over the log of a year, and an admin who is logged in."""

    def __init__(self, bot: Served, postgres: EmbeddedServer, visitor: Visitor) -> None:
        self._bot = bot
        self._postgres = postgres
        self.visitor = visitor

    async def names(self) -> dict[str, str]:
        """What the addresses name."""
        engine = connect_database(self._postgres.url, pool_size=1)
        try:
            async with engine.connect() as connection:
                return await find_names(connection, PASSWORD)
        finally:
            await engine.dispose()

    async def searches(self, times: int) -> list[Figure]:
        """The searches by reviews."""
        database = connect_database(self._postgres.url, pool_size=1)
        try:
            size = search.Size(searches=times)
            return [
                figure
                for kind, box in search.REVIEWED.items()
                for figure in await search.measure(database, kind, box, size)
            ]
        finally:
            await database.dispose()

    async def measure(
        self, name: str, request: Callable[[], Awaitable[Shown]], times: int
    ) -> Figure:
        """Make a request once unmeasured, then so many times."""
        await request()
        found = Measured(name)
        bot_s, postgres_s = cpu_s(self._bot.process), cpu_s(self._postgres.process)
        found.shown = [await request() for _ in range(times)]
        found.bot_s = cpu_s(self._bot.process) - bot_s
        found.postgres_s = cpu_s(self._postgres.process) - postgres_s
        figure = found.figure()
        say(f"{name}: p95 {figure.value:.1f} ms, {figure.baseline}")
        return figure


@contextlib.asynccontextmanager
async def running_dashboard(turns: int) -> AsyncIterator[Rig]:
    """The bot, its servers, and a session of the admin's."""
    settings = {"admin_password": PASSWORD, "admin_secret_keys": _SECRET_KEY}
    async with running_year(turns) as postgres, valkey_process(year_folder(turns)) as valkey:
        stores = Stores(postgres, valkey, year_folder(turns))
        async with (
            running_bot(stores, NOWHERE, **settings) as bot,
            ClientSession(cookie_jar=CookieJar(unsafe=True)) as http,
        ):
            await log_in(http, bot.url)
            visitor = Visitor(http, bot.url)
            # Its page shows a secret that this form asks for.
            await visitor.post("/account/second-factor", current=PASSWORD)
            yield Rig(bot, postgres, visitor)
