"""The bot's resident memory while messages go all the way through it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from benchmarks.figures import Figure, median, say
from benchmarks.load import Load
from benchmarks.outside import Outside, running_outside
from benchmarks.overhead import until_posted
from benchmarks.stack import (
    Served,
    fire,
    rss_mib,
    running_bot,
    running_stores,
    running_worker,
    until_ready,
)

STEPS = 10


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured."""

    messages: int = 20_000
    clients: int = 16


async def bench(size: Size) -> list[Figure]:
    """The last tenth of the messages beside the second: the first fills pools and caches."""
    async with (
        running_outside() as outside,
        running_stores() as stores,
        running_bot(stores, outside.origin) as bot,
        running_worker(stores, outside.origin, slots=size.clients),
    ):
        await until_ready(bot)
        tenths = [await _tenth(bot, outside, size, number) for number in range(STEPS)]
    early, late = tenths[1], tenths[-1]
    grown = late / early
    name = f"memory.{size.messages}"
    return [
        Figure(
            name, late, "MiB resident", "the second tenth of the messages; goal 0.95-1.05", grown
        )
    ]


async def _tenth(bot: Served, outside: Outside, size: Size, number: int) -> float:
    """Send a tenth of the messages and see them answered; the median RSS meanwhile, in MiB."""
    count = size.messages // STEPS
    load = Load(
        port=bot.port,
        kind="slack",
        run=f"tenth{number}",
        origin=outside.origin,
        clients=size.clients,
        seconds=600,
        count=count,
    )
    outside.posts.clear()
    sending = asyncio.create_task(_send(load, outside))
    seen = []
    while not sending.done():
        seen.append(rss_mib(bot.process))
        await asyncio.wait({sending}, timeout=0.2)
    sending.result()
    say(f"memory: {(number + 1) * count:,} messages, {median(seen):.1f} MiB")
    return median(seen)


async def _send(load: Load, outside: Outside) -> None:
    hits = await fire(load)
    await until_posted(outside, hits.answered, within_s=600)
