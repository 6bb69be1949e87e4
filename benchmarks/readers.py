"""Webhooks while the dashboard is read, against the same without readers.

Pairs of blocks: one with readers and one without, the first of them by turns. The readers are
people who page, search, read a conversation and look at the charts, a page each every second.
There is no worker, as in ``accept``; what arrived is settled before each block.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass

from aiohttp import ClientSession, CookieJar

from benchmarks.figures import Figure, median, percentile, say
from benchmarks.interleaved import geometric_mean, upper_bound
from benchmarks.load import Load
from benchmarks.stack import (
    Served,
    Stores,
    count_turns,
    fire,
    running_bot,
    running_stores,
    settle_everything,
)

NOWHERE = "http://127.0.0.1:9"  # nothing is delivered: there is no worker
PASSWORD = "a-password-of-the-benchmarks"
CLIENTS = 32
WITHOUT = "the same blocks without readers; goal: bound below 1.25"
PAGES = (
    "",
    "?q=%EC%A3%BC%EB%A7%90",  # 주말
    "?q=%ED%99%98%EB%B6%88",  # 환불, which nobody says
    "?messenger=kakao&status=answered",
    "conversations/1",
    "charts?range=1h",
    "live",
)


@dataclass(frozen=True, slots=True)
class Size:
    """The amount of work."""

    pairs: int = 20
    block_s: float = 2.5
    rate: float = 100.0  #: webhooks per second: 10,000 turns in all
    readers: int = 3
    pause_s: float = 1.0  #: of a reader between two pages


async def bench(size: Size) -> list[Figure]:
    """The p95 of webhooks in blocks with and without readers."""
    settings = {"admin_password": PASSWORD, "kakao_sync_budget_s": "0"}
    async with (
        running_stores() as stores,
        running_bot(stores, NOWHERE, **settings) as bot,
        _people(bot.url, size.readers) as people,
    ):
        rig = Rig(stores, bot, people, size)
        await rig.block()  # statements are compiled and pools filled
        quiet: list[float] = []
        read: list[float] = []
        for number in range(size.pairs):
            for with_readers in (number % 2 == 0, number % 2 == 1):
                (read if with_readers else quiet).append(await rig.block(with_readers))
            say(f"readers pair {number + 1}: p95 {read[-1]:.1f} ms, alone {quiet[-1]:.1f} ms")
        say(f"readers: {await count_turns(stores):,} turns, {len(rig.page_ms):,} pages")
        ratios = [mine / alone for mine, alone in zip(read, quiet, strict=True)]
        return [
            Figure("readers.p95", median(read), "ms", WITHOUT, geometric_mean(ratios)),
            Figure("readers.p95.bound", upper_bound(ratios), "times", WITHOUT),
            Figure("readers.page.p50", percentile(rig.page_ms, 50), "ms"),
            Figure("readers.page.p95", percentile(rig.page_ms, 95), "ms"),
        ]


class Rig:
    """A bot, and people who read its dashboard."""

    def __init__(
        self, stores: Stores, bot: Served, people: Sequence[ClientSession], size: Size
    ) -> None:
        self._stores = stores
        self._bot = bot
        self._people = people
        self._size = size
        self._runs: Iterator[int] = itertools.count()
        self.page_ms: list[float] = []

    async def block(self, with_readers: bool = False) -> float:
        """Offer webhooks for a block; their p95 in milliseconds."""
        await settle_everything(self._stores)
        size = self._size
        load = Load(
            port=self._bot.port,
            kind="kakao",
            run=f"r{next(self._runs)}",
            origin=NOWHERE,
            clients=CLIENTS,
            seconds=size.block_s,
            rate=size.rate,
        )
        async with self._reading(with_readers):
            hits = await fire(load)
        if set(hits.statuses) != {"200"}:
            raise RuntimeError(f"not all were answered 200: {hits.statuses}")
        return percentile(hits.latencies_ms, 95)

    @contextlib.asynccontextmanager
    async def _reading(self, with_readers: bool) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as group:
            people = self._people if with_readers else ()
            tasks = [
                group.create_task(self._read(session, number))
                for number, session in enumerate(people)
            ]
            yield
            for task in tasks:
                task.cancel()

    async def _read(self, session: ClientSession, number: int) -> None:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(self._size.pause_s * number / self._size.readers)
        for page in itertools.islice(itertools.cycle(PAGES), number, None):
            began = loop.time()
            async with session.get(f"{self._bot.url}/admin/{page}") as response:
                await response.read()
                if response.status != 200:
                    raise RuntimeError(f"/admin/{page}: {response.status}")
            self.page_ms.append((loop.time() - began) * 1000)
            await asyncio.sleep(self._size.pause_s)


@contextlib.asynccontextmanager
async def _people(origin: str, readers: int) -> AsyncIterator[list[ClientSession]]:
    """So many sessions of the dashboard."""
    async with contextlib.AsyncExitStack() as exits:
        sessions = [
            await exits.enter_async_context(ClientSession(cookie_jar=CookieJar(unsafe=True)))
            for _ in range(readers)
        ]
        for session in sessions:
            await log_in(session, origin)
        yield sessions


async def log_in(session: ClientSession, origin: str) -> None:
    """Through the form, as the admin."""
    async with session.get(f"{origin}/admin/login") as shown:
        found = re.search(r'name="csrf" value="([^"]+)"', await shown.text())
    if found is None:
        raise RuntimeError("the login page has no form")
    fields = {"csrf": found[1], "user": "admin", "password": PASSWORD}
    async with session.post(f"{origin}/admin/login", data=fields) as entered:
        if entered.status != 200:
            raise RuntimeError(f"no entry into the dashboard: {entered.status}")
