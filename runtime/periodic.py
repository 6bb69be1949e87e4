"""What a bot does every so often, whatever becomes of its database meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from runtime.database import DATABASE_ERRORS


async def run_periodically(work: Callable[[], Awaitable[object]], every_s: float) -> None:
    """Do it, and again after each pause, until cancelled. A database that is gone is no end."""
    while True:
        with contextlib.suppress(*DATABASE_ERRORS):
            await work()
        await asyncio.sleep(every_s)
