"""A worker hears of a cancellation: through Redis at once, without it with the next renewal."""

from __future__ import annotations

import pytest

from inference_queue.protocol import CANCELLED, Completion, Job
from inference_worker import lease_keeper
from tests.support.desk import Desk, busy
from tests.support.stack import running_worker, served


async def cancel(desk: Desk, *jobs: Job) -> None:
    for job in jobs:
        async with desk.database.begin() as connection:
            assert await desk.queue.cancel(connection, job.id)


async def test_a_cancellation_is_heard_through_redis_however_rare_renewals_are(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease_keeper, "RENEW_EVERY_S", 3600)
    async with (
        served(delay_per_token_s=5) as (server, engine),
        running_worker(*desk.urls, engine, lease_s=36_000),
    ):
        job = await desk.put()
        await busy(server)
        await cancel(desk, job)
        assert await desk.result() == CANCELLED
        await server.until(lambda s: s.aborted == 1)


async def test_without_redis_a_cancellation_comes_with_a_renewal_however_long_the_lease(
    desk: Desk,
) -> None:
    async with (
        served(delay_per_token_s=5) as (server, engine),
        running_worker(desk.urls[0], "redis://127.0.0.1:1/0", engine, lease_s=36_000),
    ):
        job = await desk.put()
        await busy(server)
        await cancel(desk, job)
        assert await desk.result() == CANCELLED


async def test_cancellations_in_quick_succession_store_every_outcome(desk: Desk) -> None:
    async with (
        served(delay_per_token_s=5) as (server, engine),
        running_worker(*desk.urls, engine, slots=8, lease_s=36_000),
    ):
        jobs = [await desk.put() for _ in range(8)]
        await busy(server, 8)
        await cancel(desk, *jobs)
        assert await desk.results(8) == [CANCELLED] * 8


async def test_the_other_jobs_of_the_worker_go_on(desk: Desk) -> None:
    async with (
        served(delay_per_token_s=0.2, reply=lambda _: "가 나 다 라") as (server, engine),
        running_worker(*desk.urls, engine, slots=2),
    ):
        stopped, kept = await desk.put(), await desk.put()
        await busy(server, 2)
        await cancel(desk, stopped)
        results = await desk.results(2)
    assert CANCELLED in results
    assert [r.text for r in results if isinstance(r, Completion)] == ["가 나 다 라"]
    assert kept.id
