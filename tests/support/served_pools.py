"""Pools of real stand-in engines."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fakes.engine_server import EngineServer, engine_server
from inference_worker.engines.served.engine import ServedEngine
from inference_worker.engines.served.pool import ServedPool


@asynccontextmanager
async def pool_of(*urls: str) -> AsyncIterator[ServedPool]:
    pool = ServedPool([ServedEngine(url, silence_timeout_s=5) for url in urls], check_every_s=0.05)
    await pool.start(lambda _step: None)
    try:
        yield pool
    finally:
        await pool.close()


@asynccontextmanager
async def two(**switches: Any) -> AsyncIterator[tuple[EngineServer, EngineServer, ServedPool]]:
    async with (
        engine_server(**switches) as one,
        engine_server(**switches) as other,
        pool_of(one.url, other.url) as pool,
    ):
        yield one, other, pool
