"""Which workers live, and what model they serve: asked of Redis every second or two."""

from __future__ import annotations

import asyncio
import json

from redis.asyncio import Redis
from redis.exceptions import RedisError

from inference_queue.presets import DEFAULT_PRESET, PRESETS, Preset
from inference_queue.worker_registry import WorkerStatus, living_workers

REFRESH_S = 1.5


class WorkerRegistry:
    """The last known answer; ``workers`` is None while Redis cannot be asked."""

    def __init__(self, redis: Redis) -> None:
        self.workers: list[WorkerStatus] | None = None
        self._redis = redis
        self._asked = self._heard = 0

    async def keep(self) -> None:
        """Refresh until cancelled."""
        while True:
            await self.refresh()
            await asyncio.sleep(REFRESH_S)

    async def refresh(self) -> None:
        """Ask once. An answer that a later question has overtaken changes nothing."""
        self._asked += 1
        number, workers = self._asked, await self._ask()
        if number > self._heard:
            self._heard, self.workers = number, workers

    async def _ask(self) -> list[WorkerStatus] | None:
        try:
            return await living_workers(self._redis)
        except (RedisError, OSError, json.JSONDecodeError, TypeError):
            return None

    @property
    def ready(self) -> list[WorkerStatus]:
        """The workers that answer."""
        return [worker for worker in self.workers or [] if worker.state == "ready"]

    @property
    def model_is_off(self) -> bool:
        """Known to be off; with Redis gone nobody knows, and the queue decides."""
        return self.workers is not None and not self.ready

    def preset(self, wanted: str) -> tuple[str, Preset]:
        """The preset to prompt with: the one set, or the one the workers announce."""
        announced = next((w.preset for w in self.workers or [] if w.preset in PRESETS), "")
        name = wanted if wanted != "auto" else announced or DEFAULT_PRESET
        return name, PRESETS[name]
