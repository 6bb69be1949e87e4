"""What workers say of themselves, on a real Valkey."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from redis.asyncio import Redis

from inference_queue.worker_registry import Heartbeat, WorkerState, WorkerStatus, list_workers


async def test_worker_is_listed_while_it_sends_heartbeats(redis: Redis) -> None:
    heartbeat = Heartbeat(redis, worker="w1")
    presence = WorkerStatus(id="w1", state=WorkerState.LOADING, detail="모델을 읽는 중")
    await heartbeat.publish(presence)
    assert await list_workers(redis) == [presence]
    await heartbeat.withdraw()
    assert await list_workers(redis) == []


async def test_late_arrival_of_an_older_heartbeat_changes_nothing(
    redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect: Any = redis.connection_pool.get_connection
    slow = [0.2]

    async def get_connection(*words: Any, **switches: Any) -> Any:
        await asyncio.sleep(slow.pop() if slow else 0)
        return await connect(*words, **switches)

    monkeypatch.setattr(redis.connection_pool, "get_connection", get_connection)
    states = (WorkerState.LOADING, WorkerState.FAILED)
    statuses = [WorkerStatus(id="w1", state=state) for state in states]
    await asyncio.gather(*map(Heartbeat(redis, worker="w1").publish, statuses))
    assert not slow
    assert [worker.state for worker in await list_workers(redis)] == ["failed"]
