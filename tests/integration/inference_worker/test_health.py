"""What a container's health check says of its worker, over a real Valkey."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from redis.asyncio import Redis

from inference_queue.worker_registry import WORKER_KEY, Heartbeat, WorkerStatus
from inference_worker.health import check


@pytest_asyncio.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_url, decode_responses=True) as client:
        yield client


async def announce(redis: Redis, worker: str, **words: Any) -> None:
    presence = WorkerStatus(id=worker, **{"state": "ready", **words})
    await Heartbeat(redis, worker=worker).publish(presence)


async def test_alive_while_it_announces_itself(redis: Redis, redis_url: str) -> None:
    await announce(redis, "box-7-abc123")
    assert await check(redis_url, "box") == (True, "ready")


async def test_gone_once_the_announcement_is_too_old(redis: Redis, redis_url: str) -> None:
    await announce(redis, "box-7-abc123")
    await redis.pexpire(WORKER_KEY.format(id="box-7-abc123"), 0)
    alive, sentence = await check(redis_url, "box")
    assert not alive
    assert "box" in sentence


@pytest.mark.parametrize("stranger", ["other-7-abc123", "box-2-7-abc123", "bo-7-abc123"])
async def test_a_worker_of_another_host_does_not_count(
    redis: Redis, redis_url: str, stranger: str
) -> None:
    await announce(redis, stranger)
    assert not (await check(redis_url, "box"))[0]


async def test_loading_is_alive_and_failed_is_not(redis: Redis, redis_url: str) -> None:
    await announce(redis, "box-7-abc123", state="loading", detail="fetching weights")
    assert await check(redis_url, "box") == (True, "loading fetching weights")
    await announce(redis, "box-7-abc123", state="failed", detail="no such model")
    assert await check(redis_url, "box") == (False, "failed no such model")


async def test_health_check_passes_without_redis() -> None:
    alive, sentence = await check("redis://127.0.0.1:1/0", "box")
    assert alive
    assert "cannot be reached" in sentence


def run(**settings: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("WORKER_")}
    return subprocess.run(
        [sys.executable, "-m", "inference_worker.health"],
        env=environment | settings,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


async def test_health_check_as_the_container_runs_it(redis: Redis, redis_url: str) -> None:
    assert run(WORKER_REDIS_URL=redis_url).returncode == 1
    await announce(redis, f"{socket.gethostname()}-7-abc123")
    found = run(WORKER_REDIS_URL=redis_url)
    assert (found.returncode, found.stdout, found.stderr) == (0, "ready\n", "")


def test_a_wrong_setting_is_named() -> None:
    unset = run()
    assert unset.returncode == 1
    assert "WORKER_REDIS_URL" in unset.stdout
    wrong = run(WORKER_SLOTS="many")
    assert (wrong.returncode, wrong.stdout) == (1, "wrong settings: WORKER_SLOTS\n")
