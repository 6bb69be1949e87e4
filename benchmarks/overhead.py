"""The product's own latency: ten messages per second and an engine that answers at once.

Measured from the receipt of the webhook, just before the accept's commit, to the question's arrival
at the engine, and from the engine's last token to the arrival of the POST.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from sqlalchemy import text

from benchmarks.figures import Figure, percentile, say
from benchmarks.load import Load
from benchmarks.stack import Stores, fire, running_bot, running_stores, running_worker, until_ready
from benchmarks.stand_ins import StandIns, running_stand_ins
from runtime.database import connect_database

GOAL = "goal: p99 below 20 ms"
WARM_UP_S = 3.0


@dataclass(frozen=True, slots=True)
class Size:
    """The amount of work."""

    rate: float = 10.0
    seconds: float = 60.0


async def bench(size: Size) -> list[Figure]:
    """Slack commands, each from its webhook to its response_url."""
    async with (
        running_stand_ins() as stand_ins,
        running_stores() as stores,
        running_bot(stores, stand_ins.origin) as bot,
        running_worker(stores, stand_ins.origin),
    ):
        await until_ready(bot)
        warm = Load(
            port=bot.port,
            kind="slack",
            run="warm-up",
            origin=stand_ins.origin,
            clients=4,
            seconds=WARM_UP_S,
            rate=size.rate,
        )
        # The first messages compile statements, fill pools and load modules.
        await until_posted(stand_ins, (await fire(warm)).answered)
        stand_ins.forget()
        hits = await fire(replace(warm, run="overhead", seconds=size.seconds))
        await until_posted(stand_ins, hits.answered)
        received = await _received(stores)
    say(f"overhead: {len(stand_ins.posts)} of {hits.answered} messages answered")
    before = [(stand_ins.starts[n] - at) * 1000 for n, at in received.items()]
    after = [(at - stand_ins.ends[n]) * 1000 for n, (at, _) in stand_ins.posts.items()]
    return [
        figure
        for name, ms in (("receipt_to_engine", before), ("engine_to_post", after))
        for figure in (
            Figure(f"overhead.{name}.p50", percentile(ms, 50), "ms", GOAL),
            Figure(f"overhead.{name}.p99", percentile(ms, 99), "ms", GOAL),
        )
    ]


async def until_posted(stand_ins: StandIns, count: int, within_s: float = 30.0) -> None:
    """Wait until ``count`` messages have been answered. Raises TimeoutError."""
    async with asyncio.timeout(within_s):
        while len(stand_ins.posts) < count:  # noqa: ASYNC110 - polled: it must cost nothing
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
    return {int(question.rpartition("#")[2]): float(at) for question, at in rows}
