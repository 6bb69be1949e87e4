"""Background tasks: cancelled until they are done."""

from __future__ import annotations

import asyncio


async def cancel_and_wait(*tasks: asyncio.Task[None]) -> None:
    """Cancel the tasks until they are done.

    redis-py can take a cancellation for its own time-out, and the task lives on: ask again.
    """
    while running := [task for task in tasks if not task.done()]:
        for task in running:
            task.cancel()
        await asyncio.wait(running, timeout=0.1)
