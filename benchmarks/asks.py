"""Requests to the local engine's scheduler, the demo model under it: what its benches share."""

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
class Ask:
    """One request, and when its answer came (seconds on the clock of time.monotonic)."""

    prompt: list[int]
    tokens: int
    at: float = 0.0  #: seconds after the beginning
    key: str = ""
    began: float = 0.0
    first: float = 0.0
    answer: str = ""
    end: threading.Event = field(default_factory=threading.Event)

    @property
    def waited_ms(self) -> float:
        """From the submission to the first token."""
        return (self.first - self.began) * 1000


def demo_model() -> tuple[Path, Callable[[], Any]]:
    """The demo model's folder, and what loads it anew, in float32."""
    folder = demo_folder(CACHE, say)
    return folder, lambda: AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)


def words(chance: random.Random, count: int) -> list[int]:
    """Token ids as they come."""
    return [chance.randrange(100, 49_000) for _ in range(count)]


def scheduler_of(model: Any, tokenizer: Any, *, slots: int, budget: int) -> Scheduler:
    """The engine without its asyncio; no token ends an answer."""
    return Scheduler(
        model,
        tokenizer,
        frozenset(),
        slots=slots,
        budget=budget,
        prefill_chunk=prefill_chunk(model.device),
    )


def submit(scheduler: Scheduler, ask: Ask, ended: Callable[[], object] = lambda: None) -> None:
    """Ask, greedily; ``ask.end`` is set when the answer is complete."""

    def publish(event: Event) -> None:
        ask.first = ask.first or time.monotonic()
        if isinstance(event, Finished | Failure):
            ask.answer = event.text if isinstance(event, Finished) else repr(event)
            ended()
            ask.end.set()

    ask.began = time.monotonic()
    scheduler.submit(
        Request(
            prompt=ask.prompt,
            sampling=GREEDY,
            max_new_tokens=ask.tokens,
            publish=publish,
            cache_key=ask.key,
            deadline=math.inf,
        )
    )


def answer_all(scheduler: Scheduler, asks: Sequence[Ask], *, slots: int) -> None:
    """Every ask at its time; as in the worker, no more are at the engine than there are slots."""
    free = threading.Semaphore(slots)
    began = time.monotonic()
    for ask in asks:
        time.sleep(max(0.0, began + ask.at - time.monotonic()))
        free.acquire()
        submit(scheduler, ask, free.release)
    for ask in asks:
        ask.end.wait()
