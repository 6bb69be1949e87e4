"""The local engine under conversations: first tokens with prefix reuse on and off, and its memory.

Several people talk at the same time; every turn's prompt is the whole conversation so far. Then
come many short requests, and the process must not grow.
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

from benchmarks.asks import Ask, answer_all, demo_model, scheduler_of, submit, words
from benchmarks.figures import Figure, percentile, say
from inference_worker.engines.local.scheduler import Scheduler

WITHOUT = "without reuse"
SECOND = "the second tenth; goal 1.05"


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured."""

    people: int = 8
    turns: int = 4
    history: int = 300  #: tokens of the first prompt
    said: int = 30  #: tokens of each later one
    answer: int = 16
    requests: int = 2000  #: for the memory
    slots: int = 16


async def bench(size: Size) -> list[Figure]:
    """The turns both ways, then the memory."""
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
    """The first tokens of all turns but the first, in ms, and how many tokens were reused."""
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
    """Asks, waits for the answer, and asks again with all that was said before."""
    chance = random.Random(number)
    prompt = words(chance, size.history)
    for turn in range(size.turns):
        ask = Ask(prompt, size.answer, key=f"person {number}" if keyed else "")
        submit(scheduler, ask)
        ask.end.wait()
        if turn:
            waits.append(ask.waited_ms)
        # The answer's own ids would begin the next prompt alike; ours differ after the question.
        prompt = [*prompt, *words(chance, size.said)]


def _memory(size: Size, model: Any, tokenizer: Any) -> list[Figure]:
    """Resident memory over many short requests of fifty conversations."""
    chance, process = random.Random(1), psutil.Process()
    scheduler = scheduler_of(model, tokenizer, slots=size.slots, budget=256 * size.slots)
    tenths = []
    try:
        for tenth in range(10):
            asks = [
                Ask(words(chance, chance.randint(8, 24)), chance.randint(2, 6), key=f"{n % 50}")
                for n in range(size.requests // 10)
            ]
            answer_all(scheduler, asks, slots=size.slots)
            tenths.append(process.memory_info().rss / 2**20)
            say(f"memory: {tenths[-1]:.1f} MiB after {(tenth + 1) * len(asks):,} requests")
    finally:
        scheduler.close()
    return [
        Figure("conversations.memory.second", tenths[1], "MiB"),
        Figure("conversations.memory", tenths[-1], "MiB", SECOND, tenths[-1] / tenths[1]),
    ]
