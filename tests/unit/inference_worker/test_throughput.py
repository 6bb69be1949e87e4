"""What an answer takes, and what of it still fits before its deadline."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from inference_queue.protocol import Completion, FinishReason, Job, Message, Role, SamplingParams
from inference_worker.throughput import MIN_ANSWER_TOKENS, ThroughputEstimator


def completion(tokens: int, first_ms: float | None, total_ms: float | None) -> Completion:
    return Completion(
        text="답",
        finish_reason=FinishReason.STOP,
        model="m",
        prompt_tokens=1,
        completion_tokens=tokens,
        first_token_ms=first_ms,
        total_ms=total_ms,
    )


def job(left_s: float | None, tokens: int = 1000) -> Job:
    deadline = None if left_s is None else datetime.now(UTC) + timedelta(seconds=left_s)
    return Job(
        id=uuid4(),
        messages=(Message(Role.USER, "말"),),
        sampling=SamplingParams(max_new_tokens=tokens),
        deadline=deadline,
    )


def test_the_first_answer_is_believed_and_later_ones_weigh_a_fifth() -> None:
    pace = ThroughputEstimator()
    pace.note(completion(21, 1000, 3000))
    assert (pace.answer_s, pace.first_token_s, pace.tokens_per_s) == (3.0, 1.0, 10.0)
    pace.note(completion(41, 1000, 3000))
    assert pace.tokens_per_s == pytest.approx(12.0)
    assert pace.answer_s == pytest.approx(3.0)


@pytest.mark.parametrize(
    "silent",
    [
        completion(0, None, 500),
        completion(1, 500, 500),
        completion(50, None, None),
        completion(3, 100, 8000),  # stopped between two tokens
    ],
)
def test_short_answer_does_not_change_the_token_rate(silent: Completion) -> None:
    pace = ThroughputEstimator()
    pace.note(silent)
    assert pace.tokens_per_s == 0


def test_job_within_its_deadline_is_unchanged() -> None:
    pace = ThroughputEstimator(answer_s=5, first_token_s=0.5, tokens_per_s=50)
    for whole in (job(None), job(600)):
        assert pace.fit(whole) is whole


def test_answer_is_cut_to_the_deadline() -> None:
    cut = ThroughputEstimator(answer_s=5, first_token_s=0.5, tokens_per_s=50).fit(job(10.5))
    assert cut is not None
    assert 440 <= cut.sampling.max_new_tokens <= 451


def test_job_without_time_for_an_answer_is_not_started() -> None:
    pace = ThroughputEstimator(answer_s=5, first_token_s=0.5, tokens_per_s=1)
    assert pace.fit(job(2.5)) is None
    assert pace.fit(job(-1)) is None
    assert ThroughputEstimator().fit(job(-1)) is None
    # Whoever asks for less gets it, though it is little.
    assert pace.fit(job(3.5, tokens=MIN_ANSWER_TOKENS - 2)) is not None


def test_no_answer_is_cut_before_the_first_measurement() -> None:
    tight = job(0.5)
    assert ThroughputEstimator().fit(tight) is tight
