"""What happens when the model fails under the scheduler."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from inference_queue.protocol import Failure, FailureReason, SamplingParams
from inference_worker.engines.base import Delta
from inference_worker.engines.local.request import Event, Finished, Request
from inference_worker.engines.local.scheduler import Scheduler


class Faulty:
    """A real model that can be told to fail, at a prompt or at a step."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.device = model.device
        self.fail_at_prompt_of = 0  # length
        self.error: Exception | None = None
        self.exhausted = False
        self.broken = False
        self.goes_on = threading.Event()
        self.goes_on.set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.model, name)

    def __call__(self, ids: torch.Tensor, **options: Any) -> Any:
        self.goes_on.wait()
        spans = [span.stop - span.start for span in options["plan"].spans]
        if self.fail_at_prompt_of in spans:
            raise ValueError("a bad prompt")
        if not spans and self.exhausted:
            torch.empty(2**50)  # the allocator's own error
        if not spans and self.error:
            raise self.error
        output = self.model(ids, **options)
        if self.broken:
            output.logits[:] = torch.nan
        return output


class Reader(queue.Queue[Event]):
    """Reads what is published for one request."""

    def __init__(
        self, scheduler: Scheduler, prompt: list[int], tokens: int = 300, key: str = ""
    ) -> None:
        super().__init__()
        self.request = Request(
            prompt=prompt,
            sampling=SamplingParams(temperature=0),
            max_new_tokens=tokens,
            publish=self.put,
            cache_key=key,
        )
        scheduler.submit(self.request)

    def end(self) -> Finished | Failure:
        while isinstance(event := self.get(timeout=10), Delta):
            pass
        return event

    def failure(self) -> FailureReason:
        end = self.end()
        assert isinstance(end, Failure)
        assert end.retryable
        return end.reason


@pytest.fixture(scope="module")
def noise(noise_llama_dir: Path) -> tuple[Any, Any]:
    model = AutoModelForCausalLM.from_pretrained(noise_llama_dir)
    tokenizer: Any = AutoTokenizer.from_pretrained(noise_llama_dir)
    return model, tokenizer.backend_tokenizer


@pytest.fixture
def faulty(noise: tuple[Any, Any]) -> Faulty:
    return Faulty(noise[0])


@pytest.fixture
def scheduler(faulty: Faulty, noise: tuple[Any, Any]) -> Iterator[Scheduler]:
    scheduler = Scheduler(faulty, noise[1], frozenset(), slots=2, budget=2048, prefill_chunk=64)
    yield scheduler
    scheduler.close()


def test_a_failing_prompt_fails_alone(faulty: Faulty, scheduler: Scheduler) -> None:
    faulty.fail_at_prompt_of = 3
    good = Reader(scheduler, [1, 2, 3, 4], tokens=20)
    bad = Reader(scheduler, [1, 2, 3])
    assert bad.failure() is FailureReason.ENGINE_ERROR
    assert isinstance(good.end(), Finished)


def test_a_failing_step_fails_all_in_it_and_the_thread_goes_on(
    faulty: Faulty, scheduler: Scheduler
) -> None:
    readers = [Reader(scheduler, [1, 2, number]) for number in (5, 6)]
    for reader in readers:
        reader.get(timeout=10)
    faulty.error = RuntimeError("the device went away")
    assert [reader.failure() for reader in readers] == [FailureReason.ENGINE_ERROR] * 2
    faulty.error = None
    assert isinstance(Reader(scheduler, [1, 2], tokens=3).end(), Finished)
    assert scheduler.usage.running == scheduler.usage.held_tokens == 0


def test_memory_that_runs_out_takes_what_is_kept_first_and_then_the_newest(
    faulty: Faulty, scheduler: Scheduler
) -> None:
    assert isinstance(Reader(scheduler, [1, 2, 3], tokens=3, key="a").end(), Finished)
    assert scheduler.batch.kept_tokens == 5
    older = Reader(scheduler, [1, 2, 5])
    older.get(timeout=10)
    newer = Reader(scheduler, [1, 2, 6])
    newer.get(timeout=10)
    faulty.exhausted = True
    assert newer.failure() is FailureReason.OUT_OF_MEMORY
    assert scheduler.batch.kept_tokens == 0
    faulty.exhausted = False
    assert isinstance(Reader(scheduler, [1, 2], tokens=3).end(), Finished)


def test_logits_that_are_no_numbers_fail_the_answer(faulty: Faulty, scheduler: Scheduler) -> None:
    faulty.broken = True
    assert Reader(scheduler, [1, 2]).failure() is FailureReason.ENGINE_ERROR
    faulty.broken = False
    assert isinstance(Reader(scheduler, [1, 2], tokens=3).end(), Finished)


def test_step_that_does_not_end_is_reported_as_stalled(
    faulty: Faulty, scheduler: Scheduler
) -> None:
    assert scheduler.usage.stalled_s == 0
    faulty.goes_on.clear()
    reader = Reader(scheduler, [1, 2], tokens=3)
    while scheduler.usage.stalled_s < 0.1:
        time.sleep(0.01)
    faulty.goes_on.set()
    assert isinstance(reader.end(), Finished)
    while scheduler.usage.running:
        time.sleep(0.01)
    assert scheduler.usage.stalled_s == 0


def test_request_beyond_the_memory_waits(scheduler: Scheduler) -> None:
    long = [Reader(scheduler, [1, 2, number], tokens=1200) for number in (5, 6)]
    long[0].get(timeout=10)
    assert (scheduler.usage.running, scheduler.usage.waiting) == (1, 1)
    scheduler.cancel(long[0].request)
    long[1].get(timeout=10)
    assert (scheduler.usage.running, scheduler.usage.waiting) == (1, 0)


def test_nothing_is_published_after_a_cancellation(scheduler: Scheduler) -> None:
    reader = Reader(scheduler, [1, 2])
    reader.get(timeout=10)
    scheduler.cancel(reader.request)
    after = Reader(scheduler, [3, 4], tokens=2)
    assert isinstance(after.end(), Finished)
    while not reader.empty():
        assert isinstance(reader.get(), Delta)
