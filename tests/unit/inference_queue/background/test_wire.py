"""Background jobs and results survive their JSON; what is unknown is refused or ignored."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_queue.background.protocol import (
    BackgroundJob,
    BackgroundResult,
    Rendering,
    RenderJob,
    kind_of,
)
from inference_queue.background.wire import (
    dump_background_job,
    dump_background_result,
    load_background_job,
    load_background_result,
)
from inference_queue.protocol import (
    Completion,
    Failure,
    FailureReason,
    FinishReason,
    Job,
    Message,
    ProtocolError,
    Role,
)

words = st.text(max_size=40)
counts = st.integers(0, 2**31 - 1)
completions = st.builds(
    Completion,
    text=words,
    finish_reason=st.sampled_from(FinishReason),
    model=words,
    prompt_tokens=counts,
    completion_tokens=counts,
    reasoning=words,
)
renderings = st.builds(
    Rendering,
    text=words,
    prompt_tokens=counts,
    completion_tokens=counts,
    is_consistent=st.booleans(),
    markers=st.lists(words, max_size=3).map(tuple),
    model=words,
    context_window=st.none() | counts,
)
failures = st.builds(Failure, reason=st.sampled_from(FailureReason), message=words)


@given(completions | renderings | failures)
def test_a_result_is_read_as_it_was_written(result: BackgroundResult) -> None:
    assert load_background_result(json.loads(json.dumps(dump_background_result(result)))) == result


@given(words, words)
def test_a_job_is_read_as_it_was_written(asked: str, completion: str) -> None:
    messages = (Message(Role.SYSTEM, "친절하게"), Message(Role.USER, asked))
    jobs: list[BackgroundJob] = [
        Job(id=uuid4(), messages=messages),
        RenderJob(id=uuid4(), messages=messages, completion=completion),
    ]
    for job in jobs:
        stored = json.loads(json.dumps(dump_background_job(job)))
        assert load_background_job(kind_of(job), stored) == job


def test_fields_of_a_newer_worker_are_ignored() -> None:
    failure = Failure(reason=FailureReason.EXPIRED, message="late")
    body = dump_background_result(failure) | {"colour": "blue"}
    assert load_background_result(body) == failure


@pytest.mark.parametrize("body", [None, {}, {"kind": "painting"}, {"kind": "failure"}, []])
def test_what_is_no_result_is_refused(body: object) -> None:
    with pytest.raises(ProtocolError):
        load_background_result(body)


@pytest.mark.parametrize(
    ("kind", "payload"),
    [("paint", {}), ("render", {}), ("render", {"id": "x"}), ("generate", {}), ("render", None)],
)
def test_what_is_no_job_is_refused(kind: str, payload: dict[str, object]) -> None:
    with pytest.raises(ProtocolError):
        load_background_job(kind, payload)


def test_a_prompt_that_ends_with_an_answer_cannot_be_rendered() -> None:
    with pytest.raises(ProtocolError):
        RenderJob(id=uuid4(), messages=(Message(Role.ASSISTANT, "네"),), completion="")
