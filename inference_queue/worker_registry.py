"""The registry of running workers: each publishes an expiring heartbeat in Redis."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from runtime.redis_client import redis_cause, redis_outage_log

WORKERS_KEY = "bllossom:workers"
WORKER_KEY = "bllossom:worker:{id}"
PRESENCE_TTL_S = 15


class WorkerState(StrEnum):
    """The state of a worker."""

    LOADING = "loading"
    READY = "ready"
    UNAVAILABLE = "unavailable"  #: its engine is unreachable, or its state unknown to us
    DRAINING = "draining"  #: finishes its running jobs and takes no new ones
    FAILED = "failed"  #: its model cannot be loaded: an operator must act

    @classmethod
    def _missing_(cls, value: object) -> WorkerState | None:
        # A worker of another version may have a state unknown to this one.
        return cls.UNAVAILABLE if isinstance(value, str) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerStatus:
    """The content of a worker's heartbeat."""

    id: str
    state: WorkerState
    detail: str = ""  #: a sentence for the operator
    engine: str = ""
    model: str = ""
    preset: str = ""
    demo: bool = False
    vision: bool = False  #: its model sees pictures
    slots: int = 0
    busy: int = 0
    answer_s: float = 0.0  #: running mean of an answer's duration; 0: unknown
    tokens_per_s: float = 0.0  #: of one answer
    adapter: str = ""  #: the name of the LoRA weights merged into its model
    adapters: tuple[str, ...] = ()  #: of those beside it, one of which a job may name
    by_adapters: bool = False  #: it claims jobs that name its adapters
    renders: bool = False  #: it has the model's chat template and tokenizer
    by_needs: bool = False  #: it leaves jobs with pictures to those that see (up to MAX_PICTURES)
    background: int = 0  #: background jobs beside the ``busy`` live ones

    @property
    def offered_adapters(self) -> tuple[str, ...]:
        """The names by which a job may choose an adapter here; none with the previous version."""
        if not self.by_adapters:
            return ()
        return tuple(dict.fromkeys(filter(None, (self.adapter, *self.adapters))))


class Heartbeat:
    """Publishes one worker's status. Redis errors are ignored: the next heartbeat follows."""

    def __init__(self, redis: Redis, *, worker: str) -> None:
        self.worker = worker
        self._redis = redis
        self._publishing = asyncio.Lock()
        self._outage = redis_outage_log(redis)

    async def publish(self, status: WorkerStatus) -> None:
        """Store the status for PRESENCE_TTL_S seconds."""
        body = json.dumps(asdict(status), ensure_ascii=False)
        # One at a time: on two connections the newer status could be overwritten by the older.
        async with self._publishing:
            try:
                await self._set(body)
            except (RedisError, OSError) as error:
                self._outage.begin(redis_cause(error))
            else:
                self._outage.end()

    async def withdraw(self) -> None:
        """Remove the status: the worker has ended."""
        with contextlib.suppress(RedisError, OSError):
            await self._redis.delete(WORKER_KEY.format(id=self.worker))

    async def peers(self) -> list[WorkerStatus]:
        """All workers, this one too. Raises RedisError or OSError without Redis."""
        return await list_workers(self._redis)

    async def _set(self, body: str) -> None:
        async with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.set(WORKER_KEY.format(id=self.worker), body, ex=PRESENCE_TTL_S)
            pipeline.sadd(WORKERS_KEY, self.worker)
            await pipeline.execute()


async def list_workers(redis: Redis) -> list[WorkerStatus]:
    """The workers whose heartbeat has not expired. Raises RedisError without Redis."""
    ids = sorted(await redis.smembers(WORKERS_KEY))
    if not ids:
        return []
    bodies = await redis.mget([WORKER_KEY.format(id=worker) for worker in ids])
    expired = [worker for worker, body in zip(ids, bodies, strict=True) if body is None]
    if expired:
        await redis.srem(WORKERS_KEY, *expired)
    return [_read_status(json.loads(body)) for body in bodies if body]


async def heartbeat_ages(redis: Redis, ids: Sequence[str]) -> dict[str, float]:
    """Seconds since the last heartbeat of each worker that lives. Raises RedisError without Redis.

    Read off the time that Redis has left for it: no clock but Redis' own takes part.
    """
    async with redis.pipeline(transaction=False) as pipeline:
        for worker in ids:
            pipeline.pttl(WORKER_KEY.format(id=worker))
        left = await pipeline.execute()
    return {
        worker: max(0.0, PRESENCE_TTL_S - milliseconds / 1000)
        for worker, milliseconds in zip(ids, left, strict=True)
        if milliseconds >= 0
    }


def _read_status(body: dict[str, Any]) -> WorkerStatus:
    """The status in a heartbeat; unknown fields of another version are dropped."""
    known = {field.name for field in fields(WorkerStatus)}
    values = {name: value for name, value in body.items() if name in known}
    if "state" in values:
        values["state"] = WorkerState(values["state"])
    if "adapters" in values:
        values["adapters"] = tuple(map(str, values["adapters"]))
    return WorkerStatus(**values)
