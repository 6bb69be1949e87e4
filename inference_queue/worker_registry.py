"""Which workers live: each says so every few seconds in Redis, and is forgotten if it stops."""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import asdict, dataclass, fields
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

WORKERS_KEY = "bllossom:workers"
WORKER_KEY = "bllossom:worker:{id}"
PRESENCE_TTL_S = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerStatus:
    """What a worker says of itself, every few seconds."""

    id: str
    state: str  #: loading, ready, unavailable, draining, or failed
    detail: str = ""  #: a sentence for the operator
    engine: str = ""
    model: str = ""
    preset: str = ""
    demo: bool = False
    slots: int = 0
    busy: int = 0
    answer_s: float = 0.0  #: what an answer has taken lately; 0: not known yet
    tokens_per_s: float = 0.0  #: of one answer


class Heartbeat:
    """A worker's own word. Without Redis nobody hears it: no error."""

    def __init__(self, redis: Redis, *, worker: str) -> None:
        self.worker = worker
        self._redis = redis
        self._announcing = asyncio.Lock()

    async def announce(self, presence: WorkerStatus) -> None:
        """Say that this worker lives, for the next fifteen seconds."""
        body = json.dumps(asdict(presence), ensure_ascii=False)
        # One after the other: on two connections the newer one may arrive first.
        async with self._announcing:
            with contextlib.suppress(RedisError, OSError):
                await self._set(body)

    async def withdraw(self) -> None:
        """Say that this worker is gone."""
        with contextlib.suppress(RedisError, OSError):
            await self._redis.delete(WORKER_KEY.format(id=self.worker))

    async def _set(self, body: str) -> None:
        async with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.set(WORKER_KEY.format(id=self.worker), body, ex=PRESENCE_TTL_S)
            pipeline.sadd(WORKERS_KEY, self.worker)
            await pipeline.execute()


async def living_workers(redis: Redis) -> list[WorkerStatus]:
    """Those that announced themselves lately. Raises RedisError where that cannot be known."""
    ids = sorted(await redis.smembers(WORKERS_KEY))
    if not ids:
        return []
    found = await redis.mget([WORKER_KEY.format(id=worker) for worker in ids])
    gone = [worker for worker, raw in zip(ids, found, strict=True) if raw is None]
    if gone:
        await redis.srem(WORKERS_KEY, *gone)
    return [_presence(json.loads(raw)) for raw in found if raw]


def _presence(said: dict[str, Any]) -> WorkerStatus:
    """Of a worker of another version only what this one knows."""
    known = {field.name for field in fields(WorkerStatus)}
    return WorkerStatus(**{name: value for name, value in said.items() if name in known})
