"""The local engine alone, on the demo model: tokens per second beside simpler ways, in one run.

Requests of mixed lengths arrive over time, all greedy and without an end token, so that every way
writes the same number of tokens. The ratios are those of tokens per second of CPU time, which other
work on the machine does not change; run it with OMP_NUM_THREADS=1, or waiting threads count too.
"""

from __future__ import annotations

import asyncio
import math
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from benchmarks.figures import Figure, percentile, say
from inference_worker.engines.local.demo import demo_folder
from inference_worker.engines.local.memory import piece
from inference_worker.engines.local.request import Event, Finished, Request
from inference_worker.engines.local.scheduler import Scheduler
from inference_worker.protocol import Failure, SamplingParams

CACHE = Path(__file__).parents[1] / ".cache" / "models"
SEQUENTIAL = "the model card's generate, one after the other"
STATIC = "padded static batches"
GREEDY = SamplingParams(temperature=0, repetition_penalty=1)


@dataclass(frozen=True, slots=True)
class Speed:
    """Tokens per second by the clock and of this process's CPU time."""

    clock: float
    cpu: float


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured."""

    crowds: tuple[int, ...] = (1, 4, 8, 16, 32)
    rounds: int = 2  #: requests of each crowd, in crowds
    longest_prompt: int = 160
    longest_answer: int = 128
    history: int = 2000  #: tokens before the second turn


@dataclass(slots=True)
class Ask:
    """One request, and when its tokens came (seconds on the clock of time.monotonic)."""

    at: float
    prompt: list[int]
    tokens: int
    key: str = ""
    began: float = 0.0
    first: float = 0.0
    end: threading.Event = field(default_factory=threading.Event)


async def bench(size: Size) -> list[Figure]:
    """Every crowd the three ways, and then the second turn with and without reuse."""
    return await asyncio.to_thread(_bench, size)


def _bench(size: Size) -> list[Figure]:
    folder = demo_folder(CACHE, say)
    ours, plain = (_load(folder) for _ in range(2))
    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    figures = []
    with torch.inference_mode():
        pace = _sequential(plain, _crowd(size, 2, 0.0)).clock
        for crowd in size.crowds:
            figures += _compare(size, crowd, pace, ours, plain, tokenizer.backend_tokenizer)
        figures += _second_turn(size, ours, tokenizer.backend_tokenizer)
    return figures


def _load(folder: Path) -> Any:
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)


def _compare(
    size: Size, crowd: int, pace: float, ours_model: Any, plain: Any, tokenizer: Any
) -> list[Figure]:
    # They come a little faster than they can be answered, so that there are always ``crowd``.
    gap_s = size.longest_answer / 2 / pace / crowd if crowd > 1 else 0.0
    asks = _crowd(size, crowd, gap_s)
    alone = _sequential(plain, asks[: min(len(asks), 8)])
    static = _static(plain, asks, crowd)
    ours = _continuous(ours_model, tokenizer, asks, crowd)
    waits = [(ask.first - ask.began) * 1000 for ask in asks]
    name, unit = f"engine.{crowd}", "tokens/s"
    return [
        Figure(f"{name}.sequential", alone.clock, unit),
        Figure(f"{name}.static", static.clock, unit, SEQUENTIAL, static.cpu / alone.cpu),
        Figure(name, ours.clock, unit, SEQUENTIAL, ours.cpu / alone.cpu),
        Figure(f"{name}.cpu", ours.cpu, "tokens/CPU s", STATIC, ours.cpu / static.cpu),
        Figure(f"{name}.first_token.p50", percentile(waits, 50), "ms"),
        Figure(f"{name}.first_token.p99", percentile(waits, 99), "ms"),
    ]


def _crowd(size: Size, crowd: int, gap_s: float) -> list[Ask]:
    chance = random.Random(crowd)
    return [
        Ask(
            at=number * gap_s,
            prompt=_words(chance, chance.randint(20, size.longest_prompt)),
            tokens=chance.randint(size.longest_answer // 8, size.longest_answer),
        )
        for number in range(max(2, crowd) * size.rounds)
    ]


def _words(chance: random.Random, count: int) -> list[int]:
    return [chance.randrange(100, 49_000) for _ in range(count)]


def _generate(model: Any, asks: Sequence[Ask]) -> None:
    """``generate`` for all of them together, padded on the left, as long as the longest answer."""
    longest = max(len(ask.prompt) for ask in asks)
    ids = torch.tensor([[0] * (longest - len(ask.prompt)) + ask.prompt for ask in asks])
    mask = torch.tensor([[0] * (longest - len(ask.prompt)) + [1] * len(ask.prompt) for ask in asks])
    tokens = max(ask.tokens for ask in asks)
    model.generate(
        ids,
        attention_mask=mask,
        max_new_tokens=tokens,
        min_new_tokens=tokens,
        do_sample=False,
        repetition_penalty=1.0,
        eos_token_id=None,
        pad_token_id=0,
    )


def _timed(asks: Sequence[Ask], answer_all: Callable[[], None]) -> Speed:
    clock, cpu = time.monotonic(), time.process_time()
    answer_all()
    tokens = sum(ask.tokens for ask in asks)
    return Speed(tokens / (time.monotonic() - clock), tokens / (time.process_time() - cpu))


def _sequential(model: Any, asks: Sequence[Ask]) -> Speed:
    """Arrivals do not matter to who is never idle."""

    def answer_all() -> None:
        for ask in asks:
            _generate(model, [ask])

    return _timed(asks, answer_all)


def _static(model: Any, asks: Sequence[Ask], crowd: int) -> Speed:
    """Batches of those who have arrived when the last batch is done."""

    def answer_all() -> None:
        left, began = list(asks), time.monotonic()
        while left:
            now = time.monotonic() - began
            batch = [ask for ask in left if ask.at <= now][:crowd]
            if batch:
                _generate(model, batch)
                left = left[len(batch) :]
            else:
                time.sleep(left[0].at - now)

    return _timed(asks, answer_all)


def _continuous(model: Any, tokenizer: Any, asks: Sequence[Ask], slots: int) -> Speed:
    """Our own batch; as in the worker, no more are at the engine than there are slots."""
    scheduler = _scheduler(model, tokenizer, slots, 1024 * slots)
    free = threading.Semaphore(slots)

    def answer_all() -> None:
        began = time.monotonic()
        for ask in asks:
            time.sleep(max(0.0, began + ask.at - time.monotonic()))
            free.acquire()
            _submit(scheduler, ask, free.release)
        for ask in asks:
            ask.end.wait()

    try:
        return _timed(asks, answer_all)
    finally:
        scheduler.close()


def _second_turn(size: Size, model: Any, tokenizer: Any) -> list[Figure]:
    """Time to the first token of a second turn, with its first one kept and without."""
    chance = random.Random(1)
    history = _words(chance, size.history)
    scheduler = _scheduler(model, tokenizer, 1, 4 * size.history + 2048)
    took = []
    try:
        for key in ("", "conversation"):
            for prompt in (history, [*history, *range(100, 130)]):
                ask = Ask(0.0, prompt, 2, key)
                _submit(scheduler, ask, lambda: None)
                ask.end.wait()
                took.append((ask.first - ask.began) * 1000)
    finally:
        scheduler.close()
    cold, warm = took[1], took[3]
    return [
        Figure(f"engine.second_turn.{size.history}.recomputed", cold, "ms"),
        Figure(
            f"engine.second_turn.{size.history}",
            warm,
            "ms",
            "without reuse; goal 0.125",
            warm / cold,
        ),
    ]


def _scheduler(model: Any, tokenizer: Any, slots: int, budget: int) -> Scheduler:
    return Scheduler(
        model, tokenizer, frozenset(), slots=slots, budget=budget, piece=piece(model.device)
    )


def _submit(scheduler: Scheduler, ask: Ask, ended: Callable[[], object]) -> None:
    def publish(event: Event) -> None:
        ask.first = ask.first or time.monotonic()
        if isinstance(event, Finished | Failure):
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
