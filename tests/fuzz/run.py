"""So many requests at a target, and what became of it."""

from __future__ import annotations

import multiprocessing
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from hypothesis import HealthCheck, Phase, given, seed, settings

from benchmarks.loop_blocks import MAX_BLOCK_S
from tests.fuzz.raw_http import Wire
from tests.fuzz.requests import Wild, wild
from tests.fuzz.target import Target, Vitals

#: What a process may gain that has seen its first requests: pools, caches, the parsers' tables.
GROWTH_MIB = 32.0
#: The simulator's session may still wait for sixteen callbacks, each for a minute.
GROWTH_TASKS = 20
GROWTH_FILES = 20


@dataclass(frozen=True, slots=True)
class Report:
    """What is printed, and what is asserted."""

    statuses: Counter[int]
    before: Vitals
    after: Vitals
    took_s: float
    complaints: list[str]
    blocked_in: list[str]
    blocks: int  #: of the event loop, for more than MAX_BLOCK_S

    def __str__(self) -> str:
        shown = ", ".join(f"{status}: {n}" for status, n in sorted(self.statuses.items()))
        return (
            f"{self.statuses.total():,} requests in {self.took_s:.0f} s; statuses {shown}"
            f" (0: closed without an answer)\n"
            f"memory {self.before.rss_mib:.1f} -> {self.after.rss_mib:.1f} MiB, "
            f"tasks {self.before.tasks} -> {self.after.tasks}, "
            f"open files {self.before.files} -> {self.after.files}, "
            f"errors in the log {len(self.complaints)}, "
            f"blocks of the event loop above {MAX_BLOCK_S * 1000:.0f} ms: {self.blocks}"
        )

    def faults(self) -> list[str]:
        """What must not be, in words."""
        found = [f"status {s}, {n} times" for s, n in self.statuses.items() if s >= 500]
        grown = {
            "memory": (self.after.rss_mib - self.before.rss_mib, GROWTH_MIB),
            "tasks": (self.after.tasks - self.before.tasks, GROWTH_TASKS),
            "open files": (self.after.files - self.before.files, GROWTH_FILES),
        }
        found += [f"{name} grew by {by:.0f}" for name, (by, most) in grown.items() if by > most]
        if self.blocks:
            found += [f"the event loop was blocked {self.blocks} times", *self.blocked_in[-5:]]
        return [*found, *self.complaints]


#: hypothesis remembers what it made, and slows down with it: so many are made at a time.
AT_A_TIME = 500


def attack(target: Target, requests: int, number: int) -> Counter[int]:
    """Send so many generated requests; raises AssertionError with the smallest that fails."""
    with Wire(target.port) as wire:
        for begun in range(0, requests, AT_A_TIME):
            _round(wire, target, min(AT_A_TIME, requests - begun), number * 1_000_003 + begun)
        return wire.statuses


def _round(wire: Wire, target: Target, requests: int, number: int) -> None:
    @seed(number)
    @settings(
        max_examples=requests,
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(wild(target))
    def one(request: Wild) -> None:
        status = wire.send(request)
        assert status < 500 or _honest(request, status), status

    one()


def attack_from(target: Target, senders: int, requests: int, number: int) -> Counter[int]:
    """The same from several processes at once, each with a seed of its own."""
    shares = [requests * (i + 1) // senders - requests * i // senders for i in range(senders)]
    numbers = [number * senders + i for i in range(senders)]
    with ProcessPoolExecutor(senders, multiprocessing.get_context("spawn")) as pool:
        found = pool.map(attack, [target] * senders, shares, numbers)
        return sum(found, Counter())


def _honest(request: Wild, status: int) -> bool:
    """503 while a part is missing: readyz says so, and the generic webhook asks to come again."""
    head = request.raw[:200]
    return status == 503 and (b" /readyz" in head or b" /webhooks/generic" in head)


def measured(target: Target, first: int, work: Callable[[], Counter[int]]) -> Report:
    """Warm the target up with ``first`` requests, do the work, and look at it again."""
    attack(target, first, 0)
    before, blocks_before, began = target.rest(), target.loop_blocks(), time.monotonic()
    statuses = work()
    took_s = time.monotonic() - began
    after, blocks = target.rest(), target.loop_blocks() - blocks_before
    return Report(statuses, before, after, took_s, target.complaints(), target.blocked_in(), blocks)
