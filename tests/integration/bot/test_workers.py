"""What the bot knows of its workers, on a real Valkey."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bot.workers import WorkerRegistry
from inference_queue.worker_registry import Heartbeat, WorkerState, WorkerStatus
from runtime.redis_client import connect_redis


async def test_out_of_order_registry_response_is_ignored(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connect_redis(redis_url) as redis:
        presence, heartbeat = WorkerRegistry(redis), Heartbeat(redis, worker="w1")
        fetch: Any = redis.mget
        late = asyncio.Event()
        waits = [late]

        async def mget(*words: Any) -> Any:
            found = await fetch(*words)
            if waits:
                await waits.pop().wait()
            return found

        monkeypatch.setattr(redis, "mget", mget)
        await heartbeat.publish(WorkerStatus(id="w1", state=WorkerState.LOADING))
        overtaken = asyncio.create_task(presence.refresh())
        while waits:
            await asyncio.sleep(0.01)
        await heartbeat.publish(WorkerStatus(id="w1", state=WorkerState.READY))
        await presence.refresh()
        late.set()
        await overtaken
        assert [worker.id for worker in presence.ready] == ["w1"]


async def test_worker_state_is_unknown_without_redis() -> None:
    def known() -> list[WorkerStatus] | None:
        return presence.workers

    async with connect_redis("redis://127.0.0.1:1/0") as nowhere:
        presence = WorkerRegistry(nowhere)
        presence.workers = []
        assert presence.model_is_off
        await presence.refresh()
        assert known() is None
        assert not presence.model_is_off


async def test_only_names_that_a_job_may_have_are_suggested() -> None:
    async with connect_redis("redis://127.0.0.1:1/0") as nowhere:
        registry = WorkerRegistry(nowhere)
        merged = WorkerStatus(
            id="w1",
            state=WorkerState.READY,
            adapter="상담 v2",
            adapters=("polite",),
            by_adapters=True,
        )
        registry.workers = [merged]
        assert registry.adapters == ["polite"]
