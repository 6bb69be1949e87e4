"""Waiting for what another process does: asked again and again, with a generous bound."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from tests.walk.errors import WalkError

#: Also the first start of the worker, which prepares the model.
BOUND_S = 600.0


async def until(holds: Callable[[], Awaitable[bool]], what: str, *, every_s: float = 0.2) -> None:
    """Return when it holds. Raises WalkError after ``BOUND_S`` seconds."""
    try:
        async with asyncio.timeout(BOUND_S):
            while not await holds():
                await asyncio.sleep(every_s)
    except TimeoutError:
        raise WalkError(f"{what}: not within {BOUND_S:.0f} s") from None
