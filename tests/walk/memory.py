"""The memory of everything that this process has started."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import psutil

GIB = 1 << 30
_EVERY_S = 2.0


@dataclass(slots=True)
class Peak:
    """The most that was seen, in bytes; shared pages are divided among their processes."""

    bytes: int = 0


@asynccontextmanager
async def watched() -> AsyncIterator[Peak]:
    """Look at all processes every two seconds while the block runs."""
    peak = Peak()
    task = asyncio.create_task(_watch(peak))
    try:
        yield peak
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _watch(peak: Peak) -> None:
    while True:
        peak.bytes = max(peak.bytes, await asyncio.to_thread(_now))
        await asyncio.sleep(_EVERY_S)


def _now() -> int:
    own = psutil.Process()
    return sum(map(_share, [own, *own.children(recursive=True)]))


def _share(process: psutil.Process) -> int:
    with contextlib.suppress(psutil.Error):
        return int(process.memory_full_info().pss)
    return 0
