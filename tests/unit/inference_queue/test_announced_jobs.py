"""Jobs that are known by their wake-ups."""

from __future__ import annotations

from uuid import uuid4

from inference_queue import announced_jobs
from inference_queue.announced_jobs import AnnouncedJobs


def test_a_job_is_taken_once_and_nobody_else_s_ever() -> None:
    announced, mine, other = AnnouncedJobs(), [uuid4(), uuid4(), uuid4()], uuid4()
    announced.add(mine)
    assert announced.take({str(mine[0]), str(other), "1"}) == mine[:1]
    assert announced.take({str(mine[0])}) == []
    assert set(announced.take([str(one) for one in mine])) == set(mine[1:])


def test_the_oldest_are_forgotten_above_the_maximum() -> None:
    announced = AnnouncedJobs()
    jobs = [uuid4() for _ in range(announced_jobs.MAX_JOBS + 2)]
    for job in jobs:
        announced.add([job])
    assert set(announced.take([str(job) for job in jobs])) == set(jobs[2:])
