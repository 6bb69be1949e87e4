"""The local engine on the demo model: tokens per second against other ways of batching.

Requests of mixed lengths arrive over time, with greedy decoding and no stop token, so that every
way generates the same number of tokens. Ratios compare tokens per CPU second, which other work on
the machine does not change. Set OMP_NUM_THREADS=1, or the CPU time of waiting threads counts too.
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

from benchmarks.engine_requests import (
    EngineRequest,
    answer_all,
    demo_model,
    random_tokens,
    scheduler_of,
    submit,
)
from benchmarks.figures import Figure, percentile, say

SEQUENTIAL = "the model card's generate, one after the other"
STATIC = "padded static batches"
TRANSFORMERS = "transformers' continuous batching"
ALIKE = "of those answered one after the other"
#: Requests of the sequential baseline.
SEQUENTIAL_REQUESTS = 6


@dataclass(frozen=True, slots=True)
class Speed:
    """Tokens per second of wall-clock time and of CPU time."""

    clock: float
    cpu: float


@dataclass(frozen=True, slots=True)
class Size:
    """The amount of work."""

    concurrencies: tuple[int, ...] = (1, 4, 8, 16, 32)
    rounds: int = 2  #: requests per concurrency, in multiples of it
    longest_prompt: int = 120
    longest_answer: int = 96
    history: int = 2000  #: tokens before the second turn


@dataclass(frozen=True, slots=True)
class Rig:
    """The models: one for each way that modifies its model."""

    plain: Any
    ours: Any
    theirs: Any  #: for transformers' continuous batching
    tokenizer: Any


async def bench(size: Size) -> list[Figure]:
    """Every way at every concurrency, then a second turn with and without reuse."""
    return await asyncio.to_thread(_bench, size)


def _bench(size: Size) -> list[Figure]:
    folder, load = demo_model()
    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    rig = Rig(load(), load(), load(), tokenizer.backend_tokenizer)
    figures = []
    with torch.inference_mode():
        _sequential(rig, _requests(size, 1, 0.0)[:1])  # warm
        for concurrency in size.concurrencies:
            say(f"{concurrency} concurrent requests ...")
            figures += _compare(size, concurrency, rig)
        figures += _second_turn(size, rig)
    return figures


def _compare(size: Size, concurrency: int, rig: Rig) -> list[Figure]:
    few = _requests(size, concurrency, 0.0)[:SEQUENTIAL_REQUESTS]
    before = _sequential(rig, few[::2])
    # They arrive a little faster than they are answered, so that all slots stay busy.
    gap_s = size.longest_answer / 2 / before.clock / concurrency if concurrency > 1 else 0.0
    requests = _requests(size, concurrency, gap_s)
    theirs = _transformers(rig, requests, concurrency)
    static = _static(rig, requests, concurrency)
    ours = _continuous(rig, requests, concurrency)
    # Half of the baseline runs before and half after, because other work comes and goes.
    after = _sequential(rig, few[1::2])
    alone = Speed((before.clock + after.clock) / 2, (before.cpu + after.cpu) / 2)
    alike = [mine.answer == his.answer for mine, his in zip(requests, few, strict=False)]
    waits = [request.waited_ms for request in requests]
    name, unit = f"engine.{concurrency}", "tokens/s"
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


def _requests(size: Size, concurrency: int, gap_s: float) -> list[EngineRequest]:
    rng = random.Random(concurrency)
    return [
        EngineRequest(
            at=number * gap_s,
            prompt=random_tokens(rng, rng.randint(size.longest_prompt // 8, size.longest_prompt)),
            tokens=rng.randint(size.longest_answer // 8, size.longest_answer),
        )
        for number in range(max(2, concurrency) * size.rounds)
    ]


def _generate(model: Any, requests: Sequence[EngineRequest]) -> Any:
    """``generate`` for one padded batch, as long as its longest answer."""
    longest = max(len(request.prompt) for request in requests)
    ids = torch.tensor(
        [[0] * (longest - len(request.prompt)) + request.prompt for request in requests]
    )
    mask = torch.tensor(
        [[0] * (longest - len(request.prompt)) + [1] * len(request.prompt) for request in requests]
    )
    tokens = max(request.tokens for request in requests)
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


def _timed(requests: Sequence[EngineRequest], work: Callable[[], object]) -> Speed:
    clock, cpu = time.monotonic(), time.process_time()
    work()
    tokens = sum(request.tokens for request in requests)
    return Speed(tokens / (time.monotonic() - clock), tokens / (time.process_time() - cpu))


def _sequential(rig: Rig, requests: Sequence[EngineRequest]) -> Speed:
    """One request after the other, whatever their arrivals; keeps the answers."""

    def work() -> None:
        for request in requests:
            [ids] = _generate(rig.plain, [request])
            request.answer = rig.tokenizer.decode(ids.tolist(), skip_special_tokens=True)

    return _timed(requests, work)


def _static(rig: Rig, requests: Sequence[EngineRequest], concurrency: int) -> Speed:
    """Batches of the requests that have arrived when the previous batch is done."""

    def work() -> None:
        left, began = list(requests), time.monotonic()
        while left:
            now = time.monotonic() - began
            batch = [request for request in left if request.at <= now][:concurrency]
            if batch:
                _generate(rig.plain, batch)
                left = left[len(batch) :]
            else:
                time.sleep(left[0].at - now)

    return _timed(requests, work)


def _transformers(rig: Rig, requests: Sequence[EngineRequest], concurrency: int) -> Speed:
    """The engine of ``transformers serve --continuous-batching``, without HTTP.

    At most ``concurrency`` requests run at the same time, as in ours.
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
        for request in requests:
            if running == concurrency:
                written += len(manager.get_result(timeout=120).generated_tokens)
                running -= 1
            time.sleep(max(0.0, began + request.at - time.monotonic()))
            manager.add_request(request.prompt, max_new_tokens=request.tokens)
            running += 1
        for _ in range(running):
            written += len(manager.get_result(timeout=120).generated_tokens)
        if written != sum(request.tokens for request in requests):
            raise RuntimeError(f"transformers wrote {written} tokens")

    try:
        return _timed(requests, work)
    finally:
        manager.stop(block=True)


def _continuous(rig: Rig, requests: Sequence[EngineRequest], slots: int) -> Speed:
    """The local engine's scheduler."""
    scheduler = scheduler_of(rig.ours, rig.tokenizer, slots=slots, budget=1024 * slots)
    try:
        return _timed(requests, lambda: answer_all(scheduler, requests, slots=slots))
    finally:
        scheduler.close()


def _second_turn(size: Size, rig: Rig) -> list[Figure]:
    """Time to the first token of a second turn, with and without the first turn's cache."""
    history = random_tokens(random.Random(1), size.history)
    scheduler = scheduler_of(rig.ours, rig.tokenizer, slots=1, budget=4 * size.history + 2048)
    took = []
    try:
        for key in ("", "conversation"):
            for prompt in (history, [*history, *range(100, 130)]):
                request = EngineRequest(prompt, 2, key=key)
                submit(scheduler, request)
                request.end.wait()
                took.append(request.waited_ms)
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
