"""The protocol across versions."""

from __future__ import annotations

from uuid import uuid4

from inference_queue.protocol import Job, Message, Role, dump_job, load_job
from inference_queue.worker_registry import WorkerState


def test_the_priority_of_an_older_bot_is_ignored() -> None:
    job = Job(id=uuid4(), messages=(Message(Role.USER, "안녕"),))
    payload = dump_job(job)
    assert "priority" not in payload
    assert load_job({**payload, "priority": 3}) == job


def test_the_state_of_a_newer_worker_counts_as_unavailable() -> None:
    assert WorkerState("sleeping") is WorkerState.UNAVAILABLE
    assert WorkerState("ready") is WorkerState.READY
