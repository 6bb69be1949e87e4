"""The bot's resident memory under messages that pass all of its stages."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from benchmarks.figures import Figure, median, say
from benchmarks.load import Load
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
from benchmarks.stand_ins import StandIns, running_stand_ins

STEPS = 10


@dataclass(frozen=True, slots=True)
class Size:
    """The amount of work."""

    messages: int = 20_000
    clients: int = 16


async def bench(size: Size) -> list[Figure]:
    """The last tenth of the messages against the second; the first fills pools and caches."""
    async with (
        running_stand_ins() as stand_ins,
        running_stores() as stores,
        running_bot(stores, stand_ins.origin) as bot,
        running_worker(stores, stand_ins.origin, slots=size.clients),
    ):
        await until_ready(bot)
        tenths = [await _tenth(bot, stand_ins, size, number) for number in range(STEPS)]
    early, late = tenths[1], tenths[-1]
    grown = late / early
    name = f"memory.{size.messages}"
    return [
        Figure(
            name, late, "MiB resident", "the second tenth of the messages; goal 0.95-1.05", grown
        )
    ]


async def _tenth(bot: Served, stand_ins: StandIns, size: Size, number: int) -> float:
    """Send a tenth of the messages and wait for the answers; the median RSS in MiB."""
    count = size.messages // STEPS
    load = Load(
        port=bot.port,
        kind="slack",
        run=f"tenth{number}",
        origin=stand_ins.origin,
        clients=size.clients,
        seconds=600,
        count=count,
    )
    stand_ins.posts.clear()
    sending = asyncio.create_task(_send(load, stand_ins))
    seen = []
    while not sending.done():
        seen.append(rss_mib(bot.process))
        await asyncio.wait({sending}, timeout=0.2)
    sending.result()
    say(f"memory: {(number + 1) * count:,} messages, {median(seen):.1f} MiB")
    return median(seen)


async def _send(load: Load, stand_ins: StandIns) -> None:
    hits = await fire(load)
    await until_posted(stand_ins, hits.answered, within_s=600)
