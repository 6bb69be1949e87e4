"""Our own share of the waiting: ten messages per second and an engine that answers at once.

Counted from the receipt of the webhook, which is a little before the accept's commit, to the
question's arrival at the engine; and from the engine's last word to the arrival of the POST.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from sqlalchemy import text

from benchmarks.figures import Figure, percentile, say
from benchmarks.load import Load
from benchmarks.outside import Outside, running_outside
from benchmarks.stack import Stores, fire, running_bot, running_stores, running_worker, until_ready
from runtime.database import connect_database

GOAL = "goal: p99 below 20 ms"
WARM_UP_S = 3.0


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured."""

    rate: float = 10.0
    seconds: float = 60.0


async def bench(size: Size) -> list[Figure]:
    """Slack commands, each all the way to its response_url."""
    async with (
        running_outside() as outside,
        running_stores() as stores,
        running_bot(stores, outside.origin) as bot,
        running_worker(stores, outside.origin),
    ):
        await until_ready(bot)
        warm = Load(
            port=bot.port,
            kind="slack",
            run="warm-up",
            origin=outside.origin,
            clients=4,
            seconds=WARM_UP_S,
            rate=size.rate,
        )
        # The first of all compile statements, fill pools and load modules.
        await until_posted(outside, (await fire(warm)).answered)
        outside.forget()
        hits = await fire(replace(warm, run="overhead", seconds=size.seconds))
        await until_posted(outside, hits.answered)
        received = await _received(stores)
    say(f"overhead: {len(outside.posts)} of {hits.answered} messages answered")
    before = [(outside.starts[n] - at) * 1000 for n, at in received.items()]
    after = [(at - outside.ends[n]) * 1000 for n, (at, _) in outside.posts.items()]
    return [
        figure
        for name, ms in (("receipt_to_engine", before), ("engine_to_post", after))
        for figure in (
            Figure(f"overhead.{name}.p50", percentile(ms, 50), "ms", GOAL),
            Figure(f"overhead.{name}.p99", percentile(ms, 99), "ms", GOAL),
        )
    ]


async def until_posted(outside: Outside, count: int, within_s: float = 30.0) -> None:
    """Wait until so many messages have been answered. Raises TimeoutError."""
    async with asyncio.timeout(within_s):
        while len(outside.posts) < count:  # noqa: ASYNC110 - polled: it must cost nothing
            await asyncio.sleep(0.05)


async def _received(stores: Stores) -> dict[int, float]:
    """When the bot received each message, by its number."""
    statement = text(
        "SELECT text, extract(epoch FROM received_at) FROM turns WHERE sender LIKE 'Uoverhead%'"
    )
    database = connect_database(stores.postgres.url, pool_size=1)
    try:
        async with database.connect() as connection:
            rows = (await connection.execute(statement)).all()
    finally:
        await database.dispose()
    return {int(said.rpartition("#")[2]): float(at) for said, at in rows}
