"""A heartbeat without Redis."""

from __future__ import annotations

from inference_queue.worker_registry import Heartbeat, WorkerState, WorkerStatus
from runtime.redis_client import connect_redis


async def test_heartbeat_without_redis_raises_nothing() -> None:
    async with connect_redis("redis://127.0.0.1:1/0") as nowhere:
        heartbeat = Heartbeat(nowhere, worker="w1")
        await heartbeat.publish(WorkerStatus(id="w1", state=WorkerState.READY))
        await heartbeat.withdraw()
