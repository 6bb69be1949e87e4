"""The page of the workers, on real heartbeats and real leases."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from inference_queue.schema import jobs
from inference_queue.worker_registry import Heartbeat, WorkerState, WorkerStatus
from runtime.redis_client import connect_redis
from tests.support.admin import Client, StartAdmin, log_in
from tests.support.sample_turns import add_turn

WORKER = WorkerStatus(
    id="gpu-1", state=WorkerState.READY, engine="local", model="Bllossom-8B", preset="bllossom-8b",
    slots=8, busy=3, answer_s=4.2, tokens_per_s=51.5, adapter="polite", background=2,
    adapters=("support", "sales"),
)  # fmt: skip


async def beat(redis_url: str, *workers: WorkerStatus) -> None:
    redis = connect_redis(redis_url)
    for worker in workers:
        await Heartbeat(redis, worker=worker.id).publish(worker)
    await redis.aclose()


async def run_job(database: AsyncEngine, worker: str, *, attempt: int = 1) -> None:
    async with database.begin() as connection:
        await connection.execute(
            insert(jobs).values(
                id=uuid4(), payload={}, state="running", worker=worker, attempt=attempt,
                started_at=datetime.now(UTC) - timedelta(seconds=90),
            )
        )  # fmt: skip


async def shown(client: Client) -> str:
    response = await client.get("/admin/workers")
    assert response.status == 200
    return await response.text()


async def logged_in(start_admin: StartAdmin, database: AsyncEngine, redis_url: str) -> Client:
    client = await start_admin(database, redis_url=redis_url)
    await log_in(client)
    return client


async def test_a_worker_is_shown_with_model_slots_load_and_heartbeat(
    start_admin: StartAdmin, database: AsyncEngine, redis_url: str
) -> None:
    await beat(redis_url, WORKER)
    await run_job(database, "gpu-1", attempt=2)
    page = await shown(await logged_in(start_admin, database, redis_url))
    for words in (
        "gpu-1", "준비됨", "Bllossom-8B", "3 / 8 사용 중", "초당 51.5토큰", "4.2초", "초 전",
        "2번째 시도 포함", "백그라운드 작업", "polite",
        "support, sales",
    ):  # fmt: skip
        assert words in page, words
    assert re.search(r"\b[1-9]\d*분 \d+초째", page), "90 seconds, and what the page took"


async def test_a_worker_that_holds_jobs_and_sends_nothing_is_told(
    start_admin: StartAdmin, database: AsyncEngine, redis_url: str
) -> None:
    await run_job(database, "gpu-dead")
    page = await shown(await logged_in(start_admin, database, redis_url))
    assert "gpu-dead" in page
    assert "신호 없음" in page


async def test_without_workers_the_page_says_how_to_start_one(
    start_admin: StartAdmin, database: AsyncEngine, redis_url: str
) -> None:
    page = await shown(await logged_in(start_admin, database, redis_url))
    assert "python -m inference_worker" in page
    assert "기다리는 질문이 없습니다" in page


async def test_without_redis_the_page_says_that_it_does_not_know(
    operator: Client, database: AsyncEngine
) -> None:
    long_ago = datetime.now(UTC) - timedelta(minutes=10)
    await add_turn(database, answer=None, delivery=None, received_at=long_ago)
    page = await shown(operator)
    assert "워커의 상태를 알 수 없습니다" in page
    assert "python -m inference_worker" not in page
    assert "1건" in page
    assert "10분" in page


async def test_a_worker_s_words_stay_text(
    start_admin: StartAdmin, database: AsyncEngine, redis_url: str
) -> None:
    attack = "<script>alert(1)</script>"
    await beat(redis_url, WorkerStatus(id=attack, state=WorkerState.FAILED, model=attack,
                                       detail=attack, engine=attack, preset=attack))  # fmt: skip
    page = await shown(await logged_in(start_admin, database, redis_url))
    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page


async def test_nobody_sees_it_without_a_login(
    start_admin: StartAdmin, database: AsyncEngine
) -> None:
    client = await start_admin(database)
    for path in ("workers", "dead-letters", "charts", "charts/volume"):
        response = await client.get(f"/admin/{path}", allow_redirects=False)
        assert response.status == 303, path
