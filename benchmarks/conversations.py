"""The local engine under conversations: first tokens with and without prefix reuse, and memory.

Several people talk concurrently; each turn's prompt is the whole conversation so far. Then many
short requests follow, under which the process must not grow.
"""

from __future__ import annotations

import asyncio
import random
import threading
from dataclasses import dataclass
from typing import Any

import psutil
import torch
from transformers import AutoTokenizer

from benchmarks.engine_requests import (
    EngineRequest,
    answer_all,
    demo_model,
    random_tokens,
    scheduler_of,
    submit,
)
from benchmarks.figures import Figure, percentile, say
from inference_worker.engines.local.scheduler import Scheduler

WITHOUT = "without reuse"
SECOND = "the second tenth; goal 1.05"


@dataclass(frozen=True, slots=True)
class Size:
    """The amount of work."""

    people: int = 8
    turns: int = 4
    history: int = 300  #: tokens of the first prompt
    message: int = 30  #: tokens of each later message
    answer: int = 16
    requests: int = 2000  #: for the memory
    slots: int = 16


async def bench(size: Size) -> list[Figure]:
    """The turns with and without reuse, then the memory."""
    return await asyncio.to_thread(_bench, size)


def _bench(size: Size) -> list[Figure]:
    folder, load = demo_model()
    model, tokenizer = load(), AutoTokenizer.from_pretrained(folder).backend_tokenizer
    with torch.inference_mode():
        off, _ = _talk(size, model, tokenizer, reuse=False)
        on, reused = _talk(size, model, tokenizer, reuse=True)
        figures = [Figure("conversations.reused", reused, "tokens")]
        for percent in (50, 99):
            name = f"conversations.first_token.p{percent}"
            cold, warm = percentile(off, percent), percentile(on, percent)
            figures.append(Figure(f"{name}.recomputed", cold, "ms"))
            figures.append(Figure(name, warm, "ms", WITHOUT, warm / cold))
        return figures + _memory(size, model, tokenizer)


def _talk(size: Size, model: Any, tokenizer: Any, *, reuse: bool) -> tuple[list[float], int]:
    """Times to the first token in ms, except for first turns, and the number of reused tokens."""
    scheduler = scheduler_of(model, tokenizer, slots=size.people, budget=2048 * size.people)
    waits: list[float] = []
    people = [
        threading.Thread(
            target=_person, args=(size, scheduler, number, waits), kwargs={"keyed": reuse}
        )
        for number in range(size.people)
    ]
    try:
        for person in people:
            person.start()
        for person in people:
            person.join()
        return waits, scheduler.usage.reused_tokens
    finally:
        scheduler.close()


def _person(
    size: Size, scheduler: Scheduler, number: int, waits: list[float], *, keyed: bool
) -> None:
    """Ask, wait for the answer, and ask again with the whole conversation."""
    rng = random.Random(number)
    prompt = random_tokens(rng, size.history)
    for turn in range(size.turns):
        request = EngineRequest(prompt, size.answer, key=f"person {number}" if keyed else "")
        submit(scheduler, request)
        request.end.wait()
        if turn:
            waits.append(request.waited_ms)
        # The answer is left out, so that exactly the earlier prompt is a shared prefix.
        prompt = [*prompt, *random_tokens(rng, size.message)]


def _short_request(rng: random.Random, number: int) -> EngineRequest:
    prompt = random_tokens(rng, rng.randint(8, 24))
    return EngineRequest(prompt, rng.randint(2, 6), key=f"{number % 50}")


def _memory(size: Size, model: Any, tokenizer: Any) -> list[Figure]:
    """Resident memory over many short requests of fifty conversations."""
    rng, process = random.Random(1), psutil.Process()
    scheduler = scheduler_of(model, tokenizer, slots=size.slots, budget=256 * size.slots)
    tenths = []
    try:
        for tenth in range(10):
            requests = [_short_request(rng, number) for number in range(size.requests // 10)]
            answer_all(scheduler, requests, slots=size.slots)
            tenths.append(process.memory_info().rss / 2**20)
            say(f"memory: {tenths[-1]:.1f} MiB after {(tenth + 1) * len(requests):,} requests")
    finally:
        scheduler.close()
    return [
        Figure("conversations.memory.second", tenths[1], "MiB"),
        Figure("conversations.memory", tenths[-1], "MiB", SECOND, tenths[-1] / tenths[1]),
    ]
