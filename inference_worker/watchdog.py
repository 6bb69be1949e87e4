"""Notices an engine that makes no steps any more: only a new process helps."""

from __future__ import annotations

import asyncio

import structlog

from inference_worker.engines.base import Engine
from inference_worker.lifecycle import StopSignal

log = structlog.get_logger(__name__)

WATCH_EVERY_S = 1.0


class Watchdog:
    """Stops the worker once its engine has stalled for ``stuck_s`` seconds."""

    def __init__(self, engine: Engine, *, stuck_s: float, stop: StopSignal) -> None:
        self.stuck_s = stuck_s
        self.is_stuck = False
        self._engine = engine
        self._stop = stop

    async def run(self) -> None:
        """Watch until the engine is stuck, or until cancelled."""
        stalled_s = 0.0
        while not self.is_stuck:
            await asyncio.sleep(min(WATCH_EVERY_S, self.stuck_s / 3))
            stalled_s = self._engine.usage.stalled_s
            self.is_stuck = stalled_s > self.stuck_s
        log.error("engine_stuck", silent_s=round(stalled_s, 1))
        self._stop.set()
