"""Several real inference servers behind one engine: who is asked, and what a dying one costs."""

from __future__ import annotations

import asyncio

import pytest

from fakes.engine_server import engine_server
from inference_queue.protocol import FailureReason
from inference_worker.engines.registry import choose_engine
from inference_worker.engines.served.engine import ServedEngine
from inference_worker.engines.served.pool import ServedPool
from inference_worker.errors import EngineError
from inference_worker.settings import WorkerSettings
from tests.support.served_jobs import a_job, answer, failure
from tests.support.served_pools import pool_of, two

NOBODY = "http://127.0.0.1:9"


async def test_answers_are_spread_over_the_servers() -> None:
    async with two(delay_per_token_s=0.05) as (one, other, pool):
        answers = await asyncio.gather(*(answer(pool, a_job(f"질문 {n}")) for n in range(8)))
        assert [last.text for _, last in answers] == [f"에코: 질문 {n}" for n in range(8)]
        assert (one.finished, other.finished) == (4, 4)


async def test_server_with_fewer_running_answers_is_chosen() -> None:
    async with two(delay_per_token_s=0.2) as (one, other, pool):
        slow = asyncio.create_task(answer(pool, a_job("하나")))
        await one.until(lambda s: s.running + other.running == 1)
        await answer(pool, a_job("둘"))
        await slow
        assert (one.started, other.started) == (1, 1)


async def test_overloaded_server_passes_the_job_on() -> None:
    async with two() as (one, other, pool):
        one.overloaded = other.overloaded = 1
        one.overloaded = 100
        other.overloaded = 0
        for number in range(3):
            _, last = await answer(pool, a_job(f"질문 {number}"))
            assert last.text == f"에코: 질문 {number}"
        # It rests: asked once, and then the other.
        assert (one.overloaded, other.finished) == (99, 3)


async def test_overload_of_every_server_is_an_engine_overload() -> None:
    async with two() as (one, other, pool):
        one.overloaded = other.overloaded = 1
        error = await failure(pool)
        assert error.failure.reason is FailureReason.ENGINE_OVERLOADED
        assert error.failure.retryable


async def test_invalid_job_is_sent_to_one_server_only() -> None:
    async with two() as (one, other, pool):
        one.fails_with = other.fails_with = 400, {"error": "temperature is odd"}
        error = await failure(pool)
        assert error.failure.reason is FailureReason.INVALID_JOB
        assert len(one.requests) + len(other.requests) == 1


async def test_pool_starts_with_one_server_and_a_late_one_joins() -> None:
    async with engine_server() as one, engine_server() as late:
        late.loading = 5
        async with pool_of(one.url, late.url) as pool:
            await answer(pool, a_job())
            assert (one.finished, late.finished) == (1, 0)
            await late.until(lambda s: not s.loading)
            async with asyncio.timeout(30):
                while not late.finished:
                    await asyncio.gather(answer(pool, a_job()), answer(pool, a_job()))


async def test_without_any_server_it_does_not_start() -> None:
    pool = ServedPool([ServedEngine(NOBODY), ServedEngine(NOBODY)])
    with pytest.raises(EngineError, match=r"127\.0\.0\.1:9") as raised:
        await pool.start(lambda _step: None)
    assert raised.value.failure.retryable


async def test_servers_of_different_models_are_not_mixed() -> None:
    steps: list[str] = []
    async with engine_server() as one, engine_server(model="other/model") as other:
        pool = ServedPool([ServedEngine(one.url), ServedEngine(other.url)])
        await pool.start(steps.append)
        await asyncio.gather(*(answer(pool, a_job()) for _ in range(3)))
        names = {len(one.requests), len(other.requests)}
        await pool.close()
    assert names == {0, 3}
    assert any("another" in step for step in steps)


def test_commas_part_the_addresses() -> None:
    several = WorkerSettings(_env_file=None, base_url="http://a:1/v1, http://b:1")
    name, engine = choose_engine(several)
    assert name == "served"
    assert isinstance(engine, ServedPool)
    alone = WorkerSettings(_env_file=None, base_url="http://a:1/v1,")
    assert isinstance(choose_engine(alone)[1], ServedEngine)
