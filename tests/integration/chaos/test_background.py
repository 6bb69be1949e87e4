"""The count of background jobs sees one that is lost, and one with another one's answer."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from chaos.background import BackgroundBatch, is_background, reply
from inference_queue.background.leases import BackgroundLeases
from inference_queue.background.protocol import BackgroundResult
from inference_queue.protocol import Completion, Failure, FailureReason, FinishReason, Job
from runtime.database import connect_database
from tests.support.background import ANY

DIED = Failure(reason=FailureReason.ATTEMPTS_EXHAUSTED, message="3 workers died on this job")


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = connect_database(database_url, pool_size=2)
    yield engine
    await engine.dispose()


def answered(text: str) -> Completion:
    return Completion(
        text=text, finish_reason=FinishReason.STOP, model="m", prompt_tokens=1, completion_tokens=1
    )


def own_answer(job: Job) -> BackgroundResult:
    messages = [{"role": m.role.value, "content": m.content} for m in job.messages]
    assert is_background(messages)
    return answered(reply(messages))


async def finish(database: AsyncEngine, *results: BackgroundResult | None) -> None:
    """End the oldest jobs with these results, or with their own answers."""
    leases = BackgroundLeases(database, worker="w", lease_s=60)
    for lease, result in zip(await leases.claim(len(results), ANY), results, strict=True):
        assert isinstance(lease.job, Job)
        assert await leases.finish(lease, result or own_answer(lease.job))


async def test_a_batch_whose_jobs_all_have_their_results_is_whole(
    database: AsyncEngine, database_url: str
) -> None:
    batch = BackgroundBatch(database_url, 3)
    await batch.put()
    await finish(database, None, None, DIED)
    assert await batch.broken(wait_s=30) == []


async def test_a_job_without_its_own_result_is_told(
    database: AsyncEngine, database_url: str
) -> None:
    batch = BackgroundBatch(database_url, 4)
    await batch.put()
    refused = Failure(reason=FailureReason.INVALID_JOB, message="no")
    await finish(database, None, answered("배경 7의 답"), refused)
    assert await batch.broken(wait_s=0.5) == [
        "배경 1: another job's answer",
        "배경 2: invalid_job",
        "배경 3: no result",
    ]
