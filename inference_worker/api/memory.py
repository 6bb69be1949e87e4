"""Keeps the endpoint from holding memory that a live job waits for."""

from __future__ import annotations

import asyncio

from inference_worker.api.slots import RequestSlots
from inference_worker.background.running import RunningBackground
from inference_worker.engines.base import Engine
from inference_worker.running_jobs import RunningJobs

POLL_S = 0.1
#: Between two looks without requests, which have no memory to give back.
EMPTY_POLL_S = 0.5
#: No request is begun for so long after one gave way, while live jobs run.
PAUSE_S = 10.0


class MemoryKeeper:
    """Takes slots away from the youngest requests while live jobs wait for memory."""

    def __init__(
        self,
        engine: Engine,
        live: RunningJobs,
        requests: RequestSlots,
        background: RunningBackground,
    ) -> None:
        self._engine = engine
        self._live = live
        self._requests = requests
        self._background = background

    async def run(self) -> None:
        """Look until cancelled. Background jobs give way first (background/lane.py).

        Looked at twice: for one step of the engine a live job waits for the slot that it got.
        """
        was_crowded = False
        while True:
            await asyncio.sleep(POLL_S if len(self._requests) else EMPTY_POLL_S)
            is_crowded = self._is_crowded()
            if is_crowded and was_crowded:
                self._requests.give_way(PAUSE_S)
            was_crowded = is_crowded

    def _is_crowded(self) -> bool:
        if not (len(self._live) and len(self._requests)) or len(self._background):
            return False
        return self._engine.usage.waiting > 0
