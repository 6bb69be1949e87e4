"""The worker on real Postgres, Valkey and a real inference server: slots, drains, lost leases."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from inference_queue.protocol import (
    Completion,
    Failure,
    FailureReason,
    FinishReason,
    Job,
)
from inference_worker.errors import EngineStuckError
from tests.support.desk import Desk, Stuck, busy
from tests.support.finished_jobs import take_finished
from tests.support.stack import running_worker, served


async def test_no_more_jobs_are_taken_than_there_are_slots(desk: Desk) -> None:
    async with served(delay_per_token_s=0.05) as (server, engine):
        for number in range(6):
            await desk.put(f"질문 {number}")
        async with running_worker(*desk.urls, engine, slots=2):
            most = 0
            while server.finished < 6:
                most = max(most, server.running)
                await asyncio.sleep(0.01)
            assert most == 2
            results = await desk.results(6)
    assert {r.text for r in results if isinstance(r, Completion)} == {
        f"에코: 질문 {n}" for n in range(6)
    }


async def test_an_answer_tells_what_it_cost(desk: Desk) -> None:
    async with (
        served(delay_per_token_s=0.02) as (_, engine),
        running_worker(*desk.urls, engine, slots=4),
    ):
        for number in range(4):
            await desk.put(f"질문 {number}")
        results = await desk.results(4)
    for result in results:
        assert isinstance(result, Completion)
        assert result.total_ms is not None
        assert result.busy_ms is not None
        assert 0 < result.busy_ms <= result.total_ms + 1000
        assert result.cpu_ms is not None
        assert result.cpu_ms >= 0


async def test_a_drain_lets_running_answers_end_and_takes_no_new_ones(desk: Desk) -> None:
    async with served(delay_per_token_s=0.2) as (server, engine):
        async with running_worker(*desk.urls, engine, slots=1) as worker:
            await desk.put("끝까지")
            await busy(server)
            waiting = await desk.put("다음에")
            worker.stop()
        result = await desk.result()
        assert isinstance(result, Completion)
        assert result.text == "에코: 끝까지"
        assert (await desk.row(waiting)).state == "queued"


async def test_unfinished_job_of_a_drain_is_released_without_an_attempt(desk: Desk) -> None:
    async with served(delay_per_token_s=5) as (server, engine):
        async with running_worker(*desk.urls, engine, drain_s=0.3):
            job = await desk.put()
            await busy(server)
        row = await desk.row(job)
        assert (row.state, row.attempt, row.lease_until) == ("queued", 0, None)
        await server.until(lambda s: s.aborted == 1)


async def test_a_worker_that_lost_its_lease_stops_writing(desk: Desk) -> None:
    async with (
        served(delay_per_token_s=5) as (server, engine),
        running_worker(*desk.urls, engine, lease_s=1.2),
    ):
        await desk.put()
        await busy(server)
        # What a frozen process finds when it wakes up: another worker has had the job since.
        await desk.execute(
            "UPDATE jobs SET lease = lease + 1, worker = 'another', "
            "lease_until = now() + interval '1 minute'"
        )
        await server.until(lambda s: s.aborted == 1)
        async with desk.database.connect() as connection:
            assert await take_finished(desk.queue, connection) == []


async def test_a_cancelled_job_is_stopped_at_the_engine(desk: Desk) -> None:
    async with (
        served(delay_per_token_s=5) as (server, engine),
        running_worker(*desk.urls, engine, lease_s=1.2),
    ):
        job = await desk.put()
        await busy(server)
        async with desk.database.begin() as connection:
            await desk.queue.cancel(connection, job.id)
        result = await desk.result()
        assert isinstance(result, Failure)
        assert result.reason is FailureReason.CANCELLED
        await server.until(lambda s: s.aborted == 1)


async def test_the_deadline_ends_an_answer_with_what_there_is(desk: Desk) -> None:
    async with (
        served(delay_per_token_s=0.3, reply=lambda _: "하나 둘 셋 넷 다섯 여섯 일곱") as (
            _,
            engine,
        ),
        running_worker(*desk.urls, engine),
    ):
        await desk.put(deadline=datetime.now(UTC) + timedelta(seconds=1.5))
        result = await desk.result()
        assert isinstance(result, Completion)
        assert result.finish_reason is FinishReason.DEADLINE
        assert result.text.startswith("하나")
        assert "일곱" not in result.text


async def test_job_is_retried_on_an_overloaded_engine(desk: Desk) -> None:
    async with (
        served(overloaded=2) as (server, engine),
        running_worker(*desk.urls, engine),
    ):
        await desk.put("다시")
        result = await desk.result(15)
        assert isinstance(result, Completion)
        assert result.text == "에코: 다시"
        assert server.overloaded == 0


async def test_job_refused_by_the_engine_is_not_retried(desk: Desk) -> None:
    async with (
        served(fails_with=(400, {"error": {"message": "temperature is odd"}})) as (server, engine),
        running_worker(*desk.urls, engine),
    ):
        job = await desk.put()
        result = await desk.result()
        assert isinstance(result, Failure)
        assert result.reason is FailureReason.INVALID_JOB
        assert len(server.requests) == 1
        assert job.id


async def test_the_text_is_streamed_while_it_is_written(desk: Desk) -> None:
    async with (
        served(delay_per_token_s=0.15, reply=lambda _: "가 나 다 라 마 바 사") as (_, engine),
        running_worker(*desk.urls, engine),
    ):
        job = await desk.put()
        seen: list[str] = []
        async with asyncio.timeout(30), desk.database.connect() as connection:
            while len(seen) < 3:
                piece = await desk.queue.partial(connection, job.id)
                if piece and piece not in seen:
                    seen.append(piece)
                await asyncio.sleep(0.02)
        result = await desk.result()
        assert isinstance(result, Completion)
        assert all(result.text.startswith(piece) for piece in seen)


async def test_without_redis_a_worker_works_by_polling(desk: Desk) -> None:
    async with (
        served() as (_, engine),
        running_worker(desk.urls[0], "redis://127.0.0.1:1/0", engine),
    ):
        await desk.put("느려도")
        result = await desk.result()
        assert isinstance(result, Completion)
        assert result.text == "에코: 느려도"


async def given_back(desk: Desk, job: Job) -> None:
    async with asyncio.timeout(30):
        while (await desk.row(job)).worker is None or (await desk.row(job)).state != "queued":
            await asyncio.sleep(0.02)


async def test_a_stuck_engine_is_noticed_and_its_jobs_are_given_back(desk: Desk) -> None:
    job = await desk.put()
    with pytest.raises(EngineStuckError, match=r"no step for 0\.3 s"):
        async with running_worker(*desk.urls, Stuck(), stuck_s=0.3, drain_s=60):
            await given_back(desk, job)
    assert (await desk.row(job)).attempt == 1
