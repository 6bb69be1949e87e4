"""What each job costs of the worker's processors and of its engine, while several run at once.

Between two changes of what runs, the time is shared evenly among the jobs that ran: so the shares
of all jobs add up to what the process and the engine spent on jobs, whatever their overlap. The
engine is busy while any job runs; on a GPU that is the time for which the card is taken.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import dataclass


@dataclass(slots=True)
class _Share:
    """What a job would have spent that runs since the worker's start, beside all others."""

    cpu_s: float = 0.0
    busy_s: float = 0.0


class Spent:
    """The share of one job so far, seconds; it grows until the job ends."""

    def __init__(self, share: _Share | None = None) -> None:
        self._share = share or _Share()
        self._before = copy(self._share)

    @property
    def cpu_s(self) -> float:
        """Of the worker's process, all threads."""
        return self._share.cpu_s - self._before.cpu_s

    @property
    def busy_s(self) -> float:
        """Of the engine."""
        return self._share.busy_s - self._before.busy_s

    def end(self) -> None:
        """Let it grow no more."""
        self._share = copy(self._share)


class ComputingTime:
    """Shares the worker's time among its running jobs, live and background ones alike.

    ``cpu``, ``clock``: seconds, of the process's processors and of a monotonic clock.
    """

    def __init__(
        self,
        cpu: Callable[[], float] = time.process_time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cpu = cpu
        self._clock = clock
        self._running = 0
        # One for all: with hundreds of jobs, a sum for each would cost more than the rest.
        self._share = _Share()
        self._seen = (cpu(), clock())

    @contextlib.contextmanager
    def running(self) -> Iterator[Spent]:
        """A job runs within this block; its share is whole once ``update`` or the end is past."""
        self.update()
        spent = Spent(self._share)
        self._running += 1
        try:
            yield spent
        finally:
            self.update()
            self._running -= 1
            spent.end()

    def update(self) -> None:
        """Share what was spent since the last change."""
        cpu_s, now_s = self._cpu(), self._clock()
        cpu_before_s, before_s = self._seen
        self._seen = (cpu_s, now_s)
        if self._running:
            self._share.cpu_s += (cpu_s - cpu_before_s) / self._running
            self._share.busy_s += (now_s - before_s) / self._running
