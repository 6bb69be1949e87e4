"""Blocks of a bot's event loop: none may compute longer than ``MAX_BLOCK_S``, whatever is sent.

Counted by the bot itself, in processor time of the loop's thread (bot_event_loop_cpu_seconds):
other work on the machine, or in other threads, adds nothing. The time between two beats of the
monitor is left out, so blocks of 50 to 60 ms may be missed, after a quiet moment one of up to
100 ms; none is made up. The start of the bot is left out: benches count from their first request.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import ClientSession
from prometheus_client.parser import text_string_to_metric_families

MAX_BLOCK_S = 0.05
_METRIC = "bot_event_loop_cpu_seconds"


def count_blocks(metrics: str) -> int:
    """The blocks of more than ``MAX_BLOCK_S`` in the text of a bot's ``/metrics``."""
    counts = {
        sample.labels["le"]: sample.value
        for family in text_string_to_metric_families(metrics)
        if family.name == _METRIC
        for sample in family.samples
        if sample.name.endswith("_bucket")
    }
    return int(counts["+Inf"] - counts[str(MAX_BLOCK_S)])


@asynccontextmanager
async def blocks_counted(url: str) -> AsyncIterator[None]:
    """Count the blocks of the bot at ``url`` while the body runs; see ``total_blocks``."""
    before = await _read_blocks(url)
    yield
    _counted.append(await _read_blocks(url) - before)


def total_blocks() -> int:
    """The blocks of all bots of this process so far."""
    return sum(_counted)


_counted: list[int] = []


async def _read_blocks(url: str) -> int:
    async with ClientSession() as http, http.get(f"{url}/metrics") as response:
        return count_blocks(await response.text())
