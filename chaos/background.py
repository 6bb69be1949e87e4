"""Background jobs beside the messages: whatever is killed, each is run to its end, once."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import Any
from uuid import UUID, uuid4

from inference_queue.background import client
from inference_queue.background.client import FinishedBackgroundJob
from inference_queue.background.protocol import Target
from inference_queue.protocol import Completion, Failure, FailureReason, Job, Message, Role
from runtime.database import DATABASE_ERRORS, connect_database

#: Begins each question; the engine's answer is the question.
MARK = "배경"
#: Longer than three attempts whose workers are killed.
MAX_WAIT_S = 150.0


def is_background(messages: list[dict[str, Any]]) -> bool:
    """Whether a prompt is a background job's; none of them has pictures."""
    content = messages[-1]["content"]
    return isinstance(content, str) and content.startswith(MARK)


def reply(messages: list[dict[str, Any]]) -> str:
    """The engine's answer to a background job: a second or two of tokens."""
    return f"{messages[-1]['content']}의 답{' 가' * 20}"


class BackgroundBatch:
    """Jobs that wait in the lane during a run. Results are taken at its end, in calm."""

    def __init__(self, database_url: str, size: int) -> None:
        self._url = database_url
        self._id = uuid4()
        self._questions: dict[UUID, str] = {uuid4(): f"{MARK} {n}" for n in range(size)}

    async def put(self) -> None:
        """Put all jobs into the lane."""
        jobs = [
            Job(id=job_id, messages=(Message(Role.USER, question),))
            for job_id, question in self._questions.items()
        ]
        database = connect_database(self._url, pool_size=1)
        try:
            async with database.begin() as connection:
                await client.enqueue(connection, self._id, jobs, Target())
        finally:
            await database.dispose()

    async def broken(self, wait_s: float = MAX_WAIT_S) -> list[str]:
        """Wait for the results; the jobs without one, or with one of another job."""
        results = await self._results(wait_s)
        found = {job.id: job for job in results}
        wrong = [
            f"{question}: {_told(found.get(job_id))}"
            for job_id, question in self._questions.items()
            if job_id not in found or not _is_sound(found[job_id], question)
        ]
        surplus = len(results) - len(self._questions.keys() & found.keys())
        return wrong + ([f"{surplus} results of no job"] if surplus else [])

    async def _results(self, wait_s: float) -> list[FinishedBackgroundJob]:
        results: list[FinishedBackgroundJob] = []
        database = connect_database(self._url, pool_size=1)
        ends_at = time.monotonic() + wait_s
        try:
            while len(results) < len(self._questions) and time.monotonic() < ends_at:
                with suppress(*DATABASE_ERRORS):
                    async with database.begin() as connection:
                        results += await client.take_finished(connection, self._id, 100)
                await asyncio.sleep(0.2)
        finally:
            await database.dispose()
        return results


def _is_sound(job: FinishedBackgroundJob, question: str) -> bool:
    """Whether it is the question's own answer, or three workers died on it."""
    if isinstance(job.result, Completion):
        return job.result.text.startswith(f"{question}의 답")
    exhausted = FailureReason.ATTEMPTS_EXHAUSTED
    return isinstance(job.result, Failure) and job.result.reason is exhausted


def _told(job: FinishedBackgroundJob | None) -> str:
    if job is None:
        return "no result"
    return job.result.reason if isinstance(job.result, Failure) else "another job's answer"
