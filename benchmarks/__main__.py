"""``python -m benchmarks [NAME ...] [--quick | --long]``: measure, print a table and JSON lines."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Callable, Coroutine
from enum import Enum
from typing import Any

from benchmarks import (
    accept,
    background,
    cost,
    idle,
    memory,
    overhead,
    overload,
    pages,
    readers,
    search,
    streams,
    year_work,
)
from benchmarks.figures import Figure, publish, say
from benchmarks.flood import FloodSize
from benchmarks.loop_blocks import MAX_BLOCK_S, total_blocks


class Length(Enum):
    """How long to measure."""

    QUICK = "quick"  #: a smoke test; the figures mean nothing
    NORMAL = "normal"
    LONG = "long"


Measured = Coroutine[Any, Any, list[Figure]]
Bench = Callable[[Length], Measured]


def _accept(length: Length) -> Measured:
    quick = accept.Size(rounds=1, seconds=0.3, paced_rate=50, paced_s=0.3, warm_up_s=0.1)
    return accept.bench(quick if length is Length.QUICK else accept.Size())


def _overhead(length: Length) -> Measured:
    return overhead.bench(overhead.Size(seconds=1.0 if length is Length.QUICK else 60.0))


def _memory(length: Length) -> Measured:
    messages = {Length.QUICK: 50, Length.NORMAL: 20_000, Length.LONG: 200_000}
    return memory.bench(memory.Size(messages=messages[length]))


def _overload(length: Length) -> Measured:
    quick = overload.Size(seconds=2.0, flood=FloodSize(seconds=2.0, messages=20))
    return overload.bench(quick if length is Length.QUICK else overload.Size())


def _streams(length: Length) -> Measured:
    quick = streams.Size(at_once=((2, 1),), many=25, crowd=25, slow=2, letters=5_000)
    return streams.bench(quick if length is Length.QUICK else streams.Size())


def _readers(length: Length) -> Measured:
    quick = readers.Size(pairs=2, block_s=0.5, rate=20, readers=1, pause_s=0.1)
    return readers.bench(quick if length is Length.QUICK else readers.Size())


def _search(length: Length) -> Measured:
    quick = search.Size(turns=20_000, searches=3, compared=1, costed=500)
    return search.bench(quick if length is Length.QUICK else search.Size())


def _pages(length: Length) -> Measured:
    quick = pages.Size(turns=20_000, requests=2, acts=2)
    return pages.bench(quick if length is Length.QUICK else pages.Size())


def _work(length: Length) -> Measured:
    return year_work.bench(year_work.Size(turns=20_000 if length is Length.QUICK else 1_000_000))


def _background(length: Length) -> Measured:
    quick = background.Size(pairs=2, seconds=1.0)
    return background.bench(quick if length is Length.QUICK else background.Size())


def _idle(length: Length) -> Measured:
    quick = idle.Size(settling_s=1.0, seconds=2.0)
    return idle.bench(quick if length is Length.QUICK else idle.Size())


def _cost(length: Length) -> Measured:
    quick = cost.Size(rates=(20,), rounds=1, seconds=1.0, warm_up_s=0.5, settling_s=0.5, idle_s=1.0)
    return cost.bench(quick if length is Length.QUICK else cost.Size())


def _engine(length: Length) -> Measured:
    from benchmarks import engine  # noqa: PLC0415 - torch takes seconds

    quick = engine.Size(
        concurrencies=(2,), rounds=1, longest_prompt=24, longest_answer=8, history=40
    )
    return engine.bench(quick if length is Length.QUICK else engine.Size())


def _vllm(length: Length) -> Measured:
    from benchmarks import vllm  # noqa: PLC0415 - torch takes seconds

    quick = vllm.Size(concurrencies=(2,), rounds=1, prompt=(4, 24), answer=(4, 8))
    return vllm.bench(quick if length is Length.QUICK else vllm.Size())


def _conversations(length: Length) -> Measured:
    from benchmarks import conversations  # noqa: PLC0415 - torch takes seconds

    quick = conversations.Size(
        people=2, turns=2, history=20, message=4, answer=2, requests=20, slots=2
    )
    return conversations.bench(quick if length is Length.QUICK else conversations.Size())


def _product(length: Length) -> Measured:
    from benchmarks import product  # noqa: PLC0415 - torch takes seconds

    quick = product.Size(people=2, questions=1, tokens=4)
    return product.bench(quick if length is Length.QUICK else product.Size())


BENCHES: dict[str, Bench] = {
    "accept": _accept,
    "overhead": _overhead,
    "memory": _memory,
    "overload": _overload,
    "streams": _streams,
    "search": _search,
    "pages": _pages,
    "work": _work,
    "background": _background,
    "idle": _idle,
    "cost": _cost,
    "readers": _readers,
    "engine": _engine,
    "vllm": _vllm,
    "conversations": _conversations,
    "product": _product,
}


def main() -> int:
    """Run the named benches, or all of them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHES))
    lengths = parser.add_mutually_exclusive_group()
    for length, explanation in (
        (Length.QUICK, "a smoke test"),
        (Length.LONG, "200,000 messages for the memory"),
    ):
        lengths.add_argument(
            f"--{length.value}", dest="length", action="store_const", const=length, help=explanation
        )
    parser.set_defaults(length=Length.NORMAL)
    options = parser.parse_args()
    if unknown := set(options.names) - set(BENCHES):
        parser.error(f"there is no bench {', '.join(sorted(unknown))}; known: {', '.join(BENCHES)}")
    load = os.getloadavg()[0]
    say(f"{os.cpu_count()} cores, load {load:.1f}: trust ratios and CPU times, not rates.")
    for name in options.names or BENCHES:
        say(f"{name} ...")
        publish(asyncio.run(BENCHES[name](options.length)))
    blocks = total_blocks()
    say(f"blocks of the bot's event loop above {MAX_BLOCK_S * 1000:.0f} ms: {blocks}")
    return 1 if blocks else 0


if __name__ == "__main__":
    sys.exit(main())
