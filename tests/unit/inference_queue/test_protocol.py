"""The protocol across versions."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from inference_queue.protocol import (
    Completion,
    FinishReason,
    Job,
    Message,
    Role,
    dump_job,
    dump_remarks,
    dump_result,
    load_job,
    load_result,
)
from inference_queue.worker_registry import WorkerState


def test_the_priority_of_an_older_bot_is_ignored() -> None:
    job = Job(id=uuid4(), messages=(Message(Role.USER, "안녕"),))
    payload = dump_job(job)
    assert "priority" not in payload
    assert load_job({**payload, "priority": 3}) == job


def test_the_state_of_a_newer_worker_counts_as_unavailable() -> None:
    assert WorkerState("sleeping") is WorkerState.UNAVAILABLE
    assert WorkerState("ready") is WorkerState.READY


def a_completion(**fields: Any) -> Completion:
    known = {"finish_reason": FinishReason.STOP, "model": "m", "prompt_tokens": 1}
    return Completion(**{"text": "답", "completion_tokens": 1, **known, **fields})


@pytest.mark.parametrize("reason", FinishReason)
@pytest.mark.parametrize("reasoning", ["", "생각"])
def test_a_completion_comes_back_whole(reason: FinishReason, reasoning: str) -> None:
    sent = a_completion(finish_reason=reason, reasoning=reasoning)
    assert load_result(dump_result(sent), dump_remarks(sent)) == sent


def test_a_bot_of_the_previous_version_can_read_every_completion() -> None:
    sent = a_completion(finish_reason=FinishReason.REPETITION, reasoning="생각")
    body = dump_result(sent)
    assert "reasoning" not in body
    assert body["finish_reason"] in ("stop", "length", "deadline")
    assert load_result(body) == a_completion(finish_reason=FinishReason.LENGTH)


def test_unknown_remarks_of_a_newer_worker_are_ignored() -> None:
    assert load_result(dump_result(a_completion()), {"mood": "good"}) == a_completion()
