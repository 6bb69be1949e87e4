"""The protocol across versions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from inference_queue.protocol import (
    MAX_PICTURE_CHARS,
    PROTOCOL_VERSION,
    Completion,
    FinishReason,
    Job,
    Message,
    Picture,
    ProtocolError,
    Role,
)
from inference_queue.wire import dump_job, dump_remarks, dump_result, load_job, load_result
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
@pytest.mark.parametrize(
    "beside", [{}, {"reasoning": "생각"}, {"cut_chars": 12}, {"cpu_ms": 1.5, "busy_ms": 9.0}]
)
def test_a_completion_comes_back_whole(reason: FinishReason, beside: dict[str, Any]) -> None:
    sent = a_completion(finish_reason=reason, **beside)
    assert load_result(dump_result(sent), dump_remarks(sent)) == sent


def test_a_bot_of_the_previous_version_can_read_every_completion() -> None:
    sent = a_completion(
        finish_reason=FinishReason.REPETITION,
        reasoning="생각",
        cut_chars=12,
        cpu_ms=1.0,
        busy_ms=2.0,
    )
    body = dump_result(sent)
    assert not {"reasoning", "cut_chars", "cpu_ms", "busy_ms"}.intersection(body)
    assert body["finish_reason"] in ("stop", "length", "deadline")
    assert load_result(body) == a_completion(finish_reason=FinishReason.LENGTH)


def test_unknown_remarks_of_a_newer_worker_are_ignored() -> None:
    assert load_result(dump_result(a_completion()), {"mood": "good"}) == a_completion()


PICTURE = Picture("image/jpeg", "/9j/4A==")


def a_job_with(*pictures: Picture) -> Job:
    return Job(id=uuid4(), messages=(Message(Role.USER, "이게 뭐야?", pictures),))


def test_a_job_with_pictures_comes_back_whole() -> None:
    job = a_job_with(PICTURE, PICTURE)
    assert load_job(dump_job(job)) == job


def test_workers_that_know_no_pictures_refuse_the_version_of_a_job_with_some() -> None:
    payload = dump_job(a_job_with(PICTURE))
    assert payload["version"] != PROTOCOL_VERSION


def test_a_job_of_text_is_the_same_as_before_there_were_pictures() -> None:
    payload = dump_job(a_job_with())
    assert payload["version"] == 1
    assert "needs" not in payload
    assert payload["messages"] == [{"role": "user", "content": "이게 뭐야?"}]


def test_a_job_with_an_adapter_comes_back_whole_and_older_workers_refuse_it() -> None:
    for pictures in ((), (PICTURE,)):
        job = replace(a_job_with(*pictures), adapter="support")
        payload = dump_job(job)
        assert load_job(payload) == job
        assert payload["version"] != PROTOCOL_VERSION
        # A worker of the previous version knows one need, and refuses all others.
        assert set(payload["needs"]) - {"pictures"} == {"adapter"}


@pytest.mark.parametrize("name", ["none", "a b", "-a", "한국어", "a" * 65, "a/b"])
def test_an_adapter_has_a_plain_name(name: str) -> None:
    with pytest.raises(ProtocolError, match="adapter"):
        replace(a_job_with(), adapter=name)


@pytest.mark.parametrize(
    "changes", [{"needs": ["sound"]}, {"needs": "pictures"}, {"needs": None}, {"version": 3}]
)
def test_an_unknown_need_or_version_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError):
        load_job({**dump_job(a_job_with(PICTURE)), **changes})


@pytest.mark.parametrize(
    ("media_type", "data"),
    [
        ("image/svg+xml", "AAAA"),
        ("image/jpeg", ""),
        ("image/jpeg", "AA\nAA"),
        ("image/jpeg", "A" * (MAX_PICTURE_CHARS + 1)),
        ("image/jpeg", None),
    ],
)
def test_a_picture_that_no_engine_could_read_is_no_picture(media_type: str, data: Any) -> None:
    with pytest.raises(ProtocolError):
        Picture(media_type, data)


def test_the_pictures_of_a_message_are_bounded_together() -> None:
    half = Picture("image/png", "A" * (MAX_PICTURE_CHARS // 2))
    Message(Role.USER, "", (half, half))
    for pictures in ((half, half, PICTURE), (PICTURE,) * 5):
        with pytest.raises(ProtocolError):
            Message(Role.USER, "", pictures)
    with pytest.raises(ProtocolError):
        Message(Role.ASSISTANT, "", (PICTURE,))


CUT = (Message(Role.USER, "?"), Message(Role.ASSISTANT, "하나, 둘"), Message(Role.USER, "계속"))


def test_a_job_that_continues_comes_back_whole() -> None:
    job = Job(id=uuid4(), messages=CUT, continues=True)
    payload = dump_job(job)
    assert load_job(payload) == job
    assert payload["version"] == PROTOCOL_VERSION
    assert [message["role"] for message in payload["messages"]] == ["user", "assistant", "user"]


def test_a_job_that_does_not_continue_is_the_same_as_before() -> None:
    payload = dump_job(Job(id=uuid4(), messages=CUT))
    assert "continues" not in payload
    assert not load_job(payload).continues


@pytest.mark.parametrize(("messages", "value"), [(CUT[2:], True), (CUT[::2], True), (CUT, "no")])
def test_a_job_continues_only_an_answer_before_its_last_message(
    messages: tuple[Message, ...], value: Any
) -> None:
    payload = dump_job(Job(id=uuid4(), messages=CUT))
    said = [{"role": m.role.value, "content": m.content} for m in messages]
    with pytest.raises(ProtocolError):
        load_job({**payload, "messages": said, "continues": value})
