"""Background jobs in a worker: below live ones, given back, run again, and never counted."""

from __future__ import annotations

import asyncio
from typing import Any

from inference_queue.background import client
from inference_queue.background.protocol import Rendering
from inference_queue.protocol import Completion, Failure, FailureReason
from inference_queue.worker_registry import list_workers
from inference_worker.engines.base import Usage
from inference_worker.engines.local.engine import LocalEngine
from tests.support.background import (
    background_row,
    put_background,
    question,
    rendering,
    taken,
)
from tests.support.desk import Desk, Stuck, busy
from tests.support.stack import running_worker, served


async def until_state(desk: Desk, job_id: Any, state: str) -> Any:
    async with asyncio.timeout(60):
        while (row := await background_row(desk.database, job_id)).state != state:
            await asyncio.sleep(0.03)
    return row


async def test_a_background_job_is_answered_where_nothing_is_live(desk: Desk) -> None:
    async with served() as (_, engine), running_worker(*desk.urls, engine):
        job = question("어제의 질문")
        batch = await put_background(desk.database, job)
        [done] = await taken(desk.database, batch, 1)
        assert done.id == job.id
        assert isinstance(done.result, Completion)
        assert done.result.text == "에코: 어제의 질문"
        assert done.result.completion_tokens > 0
        assert (done.result.total_ms or 0) > 0


async def test_one_slot_is_kept_free_for_live_jobs(desk: Desk) -> None:
    async with served(delay_per_token_s=30) as (server, engine):
        jobs = [question(f"배경 {number}") for number in range(4)]
        await put_background(desk.database, *jobs)
        async with running_worker(*desk.urls, engine, slots=3) as worker:
            await busy(server, 2)
            await desk.put("지금")
            await busy(server, 3)
            assert (worker.status().busy, worker.status().background) == (1, 2)


async def test_live_jobs_get_every_slot_and_the_youngest_background_is_given_back(
    desk: Desk,
) -> None:
    async with served(delay_per_token_s=30) as (server, engine):
        old, young = question("배경 1"), question("배경 2")
        await put_background(desk.database, old)
        async with running_worker(*desk.urls, engine, slots=3) as worker:
            await until_state(desk, old.id, "running")
            await put_background(desk.database, young)
            await until_state(desk, young.id, "running")
            for number in range(2):
                await desk.put(f"지금 {number}")
            row = await until_state(desk, young.id, "queued")
            assert (row.attempt, row.lease_until, row.result) == (0, None, None)
            await server.until(lambda s: s.aborted == 1)
            await busy(server, 3)
            assert (await background_row(desk.database, old.id)).state == "running"
            await desk.put("지금 3")
            await until_state(desk, old.id, "queued")
            assert (worker.status().busy, worker.status().background) == (3, 0)


async def test_a_worker_with_one_slot_gives_its_background_job_to_a_live_one(desk: Desk) -> None:
    slow = {"배경": 30.0}
    async with served(delay_per_token_s=0.05) as (server, engine):
        server.delay_per_token_s = slow["배경"]
        job = question("배경")
        batch = await put_background(desk.database, job)
        async with running_worker(*desk.urls, engine, slots=1):
            await busy(server)
            server.delay_per_token_s = 0.0
            await desk.put("지금")
            live = await desk.result()
            assert isinstance(live, Completion)
            assert live.text == "에코: 지금"
            [done] = await taken(desk.database, batch, 1)
            assert isinstance(done.result, Completion)
            assert done.result.text == "에코: 배경"


async def test_a_drain_gives_background_jobs_back_at_once(desk: Desk) -> None:
    async with served(delay_per_token_s=30) as (server, engine):
        job = question("배경")
        await put_background(desk.database, job)
        async with running_worker(*desk.urls, engine):
            await busy(server)
        row = await background_row(desk.database, job.id)
        assert (row.state, row.attempt) == ("queued", 0)
        await server.until(lambda s: s.aborted == 1)


async def test_a_cancelled_batch_stops_at_the_engine(desk: Desk) -> None:
    async with (
        served(delay_per_token_s=30) as (server, engine),
        running_worker(*desk.urls, engine, lease_s=1.2),
    ):
        batch = await put_background(desk.database, question("배경"))
        await busy(server)
        async with desk.database.begin() as connection:
            assert await client.cancel(connection, batch) == 1
        await server.until(lambda s: s.aborted == 1)


async def test_a_worker_that_lost_its_lease_stops_and_the_job_is_run_again(desk: Desk) -> None:
    async with (
        served(delay_per_token_s=30) as (server, engine),
        running_worker(*desk.urls, engine, lease_s=1.2),
    ):
        batch = await put_background(desk.database, question("배경"))
        await busy(server)
        server.delay_per_token_s = 0.0
        # What is left by a worker that was killed long ago.
        await desk.execute(
            "UPDATE background_jobs SET lease = lease + 1, worker = 'killed', "
            "lease_until = now() - interval '1 minute'"
        )
        [done] = await taken(desk.database, batch, 1)
        assert isinstance(done.result, Completion)
        await server.until(lambda s: s.aborted == 1)


async def test_a_job_that_the_engine_refuses_fails(desk: Desk) -> None:
    refusal = (400, {"error": {"message": "temperature is odd"}})
    async with served(fails_with=refusal) as (_, engine), running_worker(*desk.urls, engine):
        batch = await put_background(desk.database, question())
        [done] = await taken(desk.database, batch, 1)
        assert isinstance(done.result, Failure)
        assert done.result.reason is FailureReason.INVALID_JOB


async def test_an_overloaded_engine_costs_no_attempt(desk: Desk) -> None:
    async with served(overloaded=1) as (server, engine), running_worker(*desk.urls, engine):
        job = question()
        await put_background(desk.database, job)
        await server.until(lambda s: s.overloaded == 0)
        row = await until_state(desk, job.id, "queued")
        assert row.attempt == 0


class Crowded(Stuck):
    """An engine without memory for another answer."""

    @property
    def usage(self) -> Usage:
        return Usage(running=1, waiting=1)

    async def close(self) -> None: ...


async def test_where_answers_wait_for_memory_background_jobs_are_given_back(desk: Desk) -> None:
    job = question("배경")
    await put_background(desk.database, job)
    async with running_worker(*desk.urls, Crowded()) as worker:
        await until_state(desk, job.id, "running")
        row = await until_state(desk, job.id, "queued")
        assert row.attempt == 0
        assert worker.status().background == 0


async def test_a_prompt_is_rendered_by_a_worker_that_has_the_template(
    desk: Desk, stopped_demo_engine: LocalEngine
) -> None:
    job = rendering("서울이에요. <|im_end|>")
    batch = await put_background(desk.database, job)
    async with running_worker(*desk.urls, stopped_demo_engine) as worker:
        [done] = await taken(desk.database, batch, 1)
        assert worker.status().renders
    assert isinstance(done.result, Rendering)
    assert "수도는?" in done.result.text
    assert done.result.markers == ("<|im_end|>",)
    assert done.result.prompt_tokens > 0
    assert done.result.completion_tokens > 0
    assert done.result.model


async def test_background_jobs_touch_no_live_job_and_no_person_s_turn(desk: Desk) -> None:
    async with served() as (_, engine), running_worker(*desk.urls, engine):
        batch = await put_background(desk.database, question(fairness_key="someone"))
        await taken(desk.database, batch, 1)
        async with desk.database.connect() as connection:
            for table in ("jobs", "fairness_keys"):
                found = await connection.exec_driver_sql(f"SELECT count(*) FROM {table}")
                assert found.scalar() == 0
        [status] = await list_workers(desk.redis)
        assert (status.busy, status.answer_s) == (0, 0.0)
