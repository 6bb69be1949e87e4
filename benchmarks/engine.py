"""The local engine alone, on the demo model: tokens per second beside other ways, in one run.

Requests of mixed lengths arrive over time, all greedy and without an end token, so that every way
writes the same number of tokens. The ratios are those of tokens per second of CPU time, which other
work on the machine does not change; run it with OMP_NUM_THREADS=1, or waiting threads count too.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import AutoTokenizer, ContinuousBatchingConfig, GenerationConfig

from benchmarks.asks import Ask, answer_all, demo_model, scheduler_of, submit, words
from benchmarks.figures import Figure, percentile, say

SEQUENTIAL = "the model card's generate, one after the other"
STATIC = "padded static batches"
TRANSFORMERS = "transformers' continuous batching"
ALIKE = "of those answered one after the other"
#: Requests that are answered one after the other: enough to know the pace.
FEW = 6


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
    longest_prompt: int = 120
    longest_answer: int = 96
    history: int = 2000  #: tokens before the second turn


@dataclass(frozen=True, slots=True)
class Rig:
    """A model for each way that changes its model."""

    plain: Any
    ours: Any
    theirs: Any  #: for transformers' continuous batching
    tokenizer: Any


async def bench(size: Size) -> list[Figure]:
    """Every crowd in each way, and then the second turn with and without reuse."""
    return await asyncio.to_thread(_bench, size)


def _bench(size: Size) -> list[Figure]:
    folder, load = demo_model()
    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    rig = Rig(load(), load(), load(), tokenizer.backend_tokenizer)
    figures = []
    with torch.inference_mode():
        _sequential(rig, _crowd(size, 1, 0.0)[:1])  # warm
        for crowd in size.crowds:
            say(f"{crowd} at once ...")
            figures += _compare(size, crowd, rig)
        figures += _second_turn(size, rig)
    return figures


def _compare(size: Size, crowd: int, rig: Rig) -> list[Figure]:
    few = _crowd(size, crowd, 0.0)[:FEW]
    before = _sequential(rig, few[::2])
    # They come a little faster than they can be answered, so that there are always ``crowd``.
    gap_s = size.longest_answer / 2 / before.clock / crowd if crowd > 1 else 0.0
    asks = _crowd(size, crowd, gap_s)
    theirs = _transformers(rig, asks, crowd)
    static = _static(rig, asks, crowd)
    ours = _continuous(rig, asks, crowd)
    # Half of the yardstick before and half after: other work on the machine comes and goes.
    after = _sequential(rig, few[1::2])
    alone = Speed((before.clock + after.clock) / 2, (before.cpu + after.cpu) / 2)
    alike = [mine.answer == his.answer for mine, his in zip(asks, few, strict=False)]
    waits = [ask.waited_ms for ask in asks]
    name, unit = f"engine.{crowd}", "tokens/s"
    return [
        Figure(f"{name}.sequential", alone.clock, unit),
        Figure(f"{name}.static", static.clock, unit, SEQUENTIAL, static.cpu / alone.cpu),
        Figure(f"{name}.transformers", theirs.clock, unit, SEQUENTIAL, theirs.cpu / alone.cpu),
        Figure(name, ours.clock, unit, SEQUENTIAL, ours.cpu / alone.cpu),
        Figure(f"{name}.over_static", ours.cpu, "tokens/CPU s", STATIC, ours.cpu / static.cpu),
        Figure(
            f"{name}.over_transformers",
            ours.cpu,
            "tokens/CPU s",
            TRANSFORMERS,
            ours.cpu / theirs.cpu,
        ),
        Figure(f"{name}.alike", sum(alike), "answers", ALIKE, sum(alike) / len(alike)),
        Figure(f"{name}.first_token.p50", percentile(waits, 50), "ms"),
        Figure(f"{name}.first_token.p99", percentile(waits, 99), "ms"),
    ]


def _crowd(size: Size, crowd: int, gap_s: float) -> list[Ask]:
    chance = random.Random(crowd)
    return [
        Ask(
            at=number * gap_s,
            prompt=words(chance, chance.randint(size.longest_prompt // 8, size.longest_prompt)),
            tokens=chance.randint(size.longest_answer // 8, size.longest_answer),
        )
        for number in range(max(2, crowd) * size.rounds)
    ]


def _generate(model: Any, asks: Sequence[Ask]) -> Any:
    """``generate`` for all of them together, padded on the left, as long as the longest answer."""
    longest = max(len(ask.prompt) for ask in asks)
    ids = torch.tensor([[0] * (longest - len(ask.prompt)) + ask.prompt for ask in asks])
    mask = torch.tensor([[0] * (longest - len(ask.prompt)) + [1] * len(ask.prompt) for ask in asks])
    tokens = max(ask.tokens for ask in asks)
    return model.generate(
        ids,
        attention_mask=mask,
        max_new_tokens=tokens,
        min_new_tokens=tokens,
        do_sample=False,
        repetition_penalty=1.0,
        eos_token_id=None,
        pad_token_id=0,
    )[:, longest:]


def _timed(asks: Sequence[Ask], work: Callable[[], object]) -> Speed:
    clock, cpu = time.monotonic(), time.process_time()
    work()
    tokens = sum(ask.tokens for ask in asks)
    return Speed(tokens / (time.monotonic() - clock), tokens / (time.process_time() - cpu))


def _sequential(rig: Rig, asks: Sequence[Ask]) -> Speed:
    """Arrivals do not matter to who is never idle. Keeps the answers."""

    def work() -> None:
        for ask in asks:
            [ids] = _generate(rig.plain, [ask])
            ask.answer = rig.tokenizer.decode(ids.tolist(), skip_special_tokens=True)

    return _timed(asks, work)


def _static(rig: Rig, asks: Sequence[Ask], crowd: int) -> Speed:
    """Batches of those who have arrived when the last batch is done."""

    def work() -> None:
        left, began = list(asks), time.monotonic()
        while left:
            now = time.monotonic() - began
            batch = [ask for ask in left if ask.at <= now][:crowd]
            if batch:
                _generate(rig.plain, batch)
                left = left[len(batch) :]
            else:
                time.sleep(left[0].at - now)

    return _timed(asks, work)


def _transformers(rig: Rig, asks: Sequence[Ask], crowd: int) -> Speed:
    """What ``transformers serve --continuous-batching`` runs inside, without its HTTP.

    As with ours, no more than ``crowd`` are there at once.
    """
    settings: Any = GenerationConfig
    manager = rig.theirs.init_continuous_batching(
        generation_config=settings(do_sample=False, eos_token_id=-1, pad_token_id=0),
        continuous_batching_config=ContinuousBatchingConfig(
            num_blocks=64, max_batch_tokens=1024, allow_block_sharing=False
        ),
    )
    manager.start()
    manager.add_request([1, 2, 3], max_new_tokens=2)
    manager.get_result(timeout=60)  # warm

    def work() -> None:
        began, written, running = time.monotonic(), 0, 0
        for ask in asks:
            if running == crowd:
                written += len(manager.get_result(timeout=120).generated_tokens)
                running -= 1
            time.sleep(max(0.0, began + ask.at - time.monotonic()))
            manager.add_request(ask.prompt, max_new_tokens=ask.tokens)
            running += 1
        for _ in range(running):
            written += len(manager.get_result(timeout=120).generated_tokens)
        if written != sum(ask.tokens for ask in asks):
            raise RuntimeError(f"transformers wrote {written} tokens")

    try:
        return _timed(asks, work)
    finally:
        manager.stop(block=True)


def _continuous(rig: Rig, asks: Sequence[Ask], slots: int) -> Speed:
    """Our own batch."""
    scheduler = scheduler_of(rig.ours, rig.tokenizer, slots=slots, budget=1024 * slots)
    try:
        return _timed(asks, lambda: answer_all(scheduler, asks, slots=slots))
    finally:
        scheduler.close()


def _second_turn(size: Size, rig: Rig) -> list[Figure]:
    """Time to the first token of a second turn, with its first one kept and without."""
    history = words(random.Random(1), size.history)
    scheduler = scheduler_of(rig.ours, rig.tokenizer, slots=1, budget=4 * size.history + 2048)
    took = []
    try:
        for key in ("", "conversation"):
            for prompt in (history, [*history, *range(100, 130)]):
                ask = Ask(prompt, 2, key=key)
                submit(scheduler, ask)
                ask.end.wait()
                took.append(ask.waited_ms)
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
