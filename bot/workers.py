"""The running workers and their model, read from Redis every 1.5 s."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable

from redis.asyncio import Redis
from redis.exceptions import RedisError

from inference_queue.presets import DEFAULT_PRESET, PRESETS, Preset
from inference_queue.protocol import MAX_PICTURES, is_adapter_name
from inference_queue.worker_registry import WorkerStatus, heartbeat_ages, list_workers
from runtime.redis_client import redis_cause, redis_outage_log


def has_adapter(name: str, workers: Iterable[WorkerStatus]) -> bool:
    """Whether a ready worker has it; elsewhere jobs that name it wait until they expire."""
    return any(worker.state == "ready" and name in worker.offered_adapters for worker in workers)


REFRESH_S = 1.5
PREVIOUS_MAX_PICTURES = 3


class WorkerRegistry:
    """The last known workers; ``workers`` is None while Redis cannot be read."""

    def __init__(self, redis: Redis) -> None:
        self.workers: list[WorkerStatus] | None = None
        self._redis = redis
        self._outage = redis_outage_log(redis)
        self._requests = self._newest_response = 0

    async def keep(self) -> None:
        """Refresh until cancelled."""
        while True:
            await self.refresh()
            await asyncio.sleep(REFRESH_S)

    async def refresh(self) -> None:
        """Read once. A response overtaken by one of a later request is ignored."""
        self._requests += 1
        number, workers = self._requests, await self._read()
        if number > self._newest_response:
            self._newest_response, self.workers = number, workers

    async def _read(self) -> list[WorkerStatus] | None:
        try:
            workers = await list_workers(self._redis)
        except (RedisError, OSError) as error:
            self._outage.begin(redis_cause(error))
            return None
        except (json.JSONDecodeError, TypeError):
            return None
        self._outage.end()
        return workers

    async def ages(self) -> dict[str, float]:
        """Seconds since the last heartbeat of each known worker; empty without Redis."""
        try:
            return await heartbeat_ages(self._redis, [worker.id for worker in self.workers or []])
        except (RedisError, OSError):
            return {}

    @property
    def ready(self) -> list[WorkerStatus]:
        """The workers that take jobs."""
        return [worker for worker in self.workers or [] if worker.state == "ready"]

    @property
    def model_is_off(self) -> bool:
        """Whether certainly no worker is ready; False without Redis, where that is unknown."""
        return self.workers is not None and not self.ready

    @property
    def sees_pictures(self) -> bool:
        """Whether some worker's model sees pictures, and those that do not leave them to it."""
        leaves_them = all(worker.vision or worker.by_needs for worker in self.ready)
        return leaves_them and any(worker.vision for worker in self.ready)

    @property
    def adapters(self) -> list[str]:
        """The names of the adapters that jobs may name now; a merged one's folder may be none."""
        found = {name for worker in self.ready for name in worker.offered_adapters}
        return sorted(filter(is_adapter_name, found))

    @property
    def max_pictures(self) -> int:
        """The maximum of a message; workers of the previous version refuse more than three."""
        is_new = all(worker.by_needs for worker in self.ready if worker.vision)
        return MAX_PICTURES if is_new else PREVIOUS_MAX_PICTURES

    def preset(self, wanted: str) -> tuple[str, Preset]:
        """The name and preset for prompts: ``wanted``, or for "auto" the workers' preset."""
        announced = next((w.preset for w in self.workers or [] if w.preset in PRESETS), "")
        name = wanted if wanted != "auto" else announced or DEFAULT_PRESET
        return name, PRESETS[name]
