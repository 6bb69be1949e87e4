"""Requests to the local engine's scheduler on the demo model; shared by the engine's benches."""

from __future__ import annotations

import math
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM

from benchmarks.figures import say
from inference_queue.protocol import Failure, SamplingParams
from inference_worker.engines.local.demo import demo_folder
from inference_worker.engines.local.kv_budget import prefill_chunk
from inference_worker.engines.local.request import Event, Finished, Request
from inference_worker.engines.local.scheduler import Scheduler

CACHE = Path(__file__).parents[1] / ".cache" / "models"
GREEDY = SamplingParams(temperature=0, repetition_penalty=1)


@dataclass(slots=True)
class EngineRequest:
    """One request and the times of its answer (seconds of time.monotonic)."""

    prompt: list[int]
    tokens: int
    at: float = 0.0  #: due so many seconds after the start
    key: str = ""
    began: float = 0.0
    first: float = 0.0
    answer: str = ""
    end: threading.Event = field(default_factory=threading.Event)

    @property
    def waited_ms(self) -> float:
        """Time to the first token."""
        return (self.first - self.began) * 1000


def demo_model() -> tuple[Path, Callable[[], Any]]:
    """The demo model's folder, and a function that loads it in float32."""
    folder = demo_folder(CACHE, say)
    return folder, lambda: AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)


def random_tokens(rng: random.Random, count: int) -> list[int]:
    """Random token ids."""
    return [rng.randrange(100, 49_000) for _ in range(count)]


def scheduler_of(model: Any, tokenizer: Any, *, slots: int, budget: int) -> Scheduler:
    """The engine's scheduler, without stop tokens."""
    return Scheduler(
        model,
        tokenizer,
        frozenset(),
        slots=slots,
        budget=budget,
        prefill_chunk=prefill_chunk(model.device),
    )


def submit(
    scheduler: Scheduler, request: EngineRequest, ended: Callable[[], object] = lambda: None
) -> None:
    """Submit with greedy decoding; ``request.end`` is set when the answer is complete."""

    def publish(event: Event) -> None:
        request.first = request.first or time.monotonic()
        if isinstance(event, Finished | Failure):
            request.answer = event.text if isinstance(event, Finished) else repr(event)
            ended()
            request.end.set()

    request.began = time.monotonic()
    scheduler.submit(
        Request(
            prompt=request.prompt,
            sampling=GREEDY,
            max_new_tokens=request.tokens,
            publish=publish,
            cache_key=request.key,
            deadline=math.inf,
        )
    )


def answer_all(scheduler: Scheduler, requests: Sequence[EngineRequest], *, slots: int) -> None:
    """Submit each request when it is due, at most ``slots`` concurrently, as the worker does."""
    free = threading.Semaphore(slots)
    began = time.monotonic()
    for request in requests:
        time.sleep(max(0.0, began + request.at - time.monotonic()))
        free.acquire()
        submit(scheduler, request, free.release)
    for request in requests:
        request.end.wait()
