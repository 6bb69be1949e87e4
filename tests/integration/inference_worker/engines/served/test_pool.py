"""Several real inference servers behind one engine: who is asked, and what a dying one costs."""

from __future__ import annotations

from inference_queue.protocol import Completion
from tests.support.desk import Desk
from tests.support.served_pools import two
from tests.support.stack import running_worker


async def test_a_server_that_dies_in_the_middle_loses_no_job(desk: Desk) -> None:
    async with two(delay_per_token_s=0.05) as (one, other, pool):
        one.cut_after = other.cut_after = 2
        async with running_worker(*desk.urls, pool):
            job = await desk.put("끝까지 답해 줘")
            await one.until(lambda s: s.aborted + other.aborted >= 1)
            one.cut_after = other.cut_after = None
            result = await desk.result()
    assert isinstance(result, Completion)
    assert result.text == f"에코: {job.messages[-1].content}"


async def test_overload_costs_the_job_no_attempt(desk: Desk) -> None:
    async with two() as (one, other, pool):
        one.overloaded = other.overloaded = 4  # more often than a job may be tried
        async with running_worker(*desk.urls, pool, patience_s=20):
            await desk.put("기다릴게")
            result = await desk.result(timeout_s=30)
    assert isinstance(result, Completion)
