"""What each job costs of the worker's processors and of its engine, while several run at once.

Between two changes of what runs, the time is shared evenly among the jobs that ran: so the shares
of all jobs add up to what the process and the engine spent on jobs, whatever their overlap. The
engine is busy while any job runs; on a GPU that is the time for which the card is taken.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(slots=True, eq=False)
class Spent:
    """The share of one job so far, seconds; it grows until the job ends."""

    cpu_s: float = 0.0  #: of the worker's process, all threads
    busy_s: float = 0.0  #: of the engine


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
        self._running: set[Spent] = set()
        self._seen = (cpu(), clock())

    @contextlib.contextmanager
    def running(self) -> Iterator[Spent]:
        """A job runs within this block; its share is whole once ``update`` or the end is past."""
        spent = Spent()
        self.update()
        self._running.add(spent)
        try:
            yield spent
        finally:
            self.update()
            self._running.discard(spent)

    def update(self) -> None:
        """Share what was spent since the last change."""
        cpu_s, now_s = self._cpu(), self._clock()
        cpu_before_s, before_s = self._seen
        self._seen = (cpu_s, now_s)
        for spent in self._running:
            spent.cpu_s += (cpu_s - cpu_before_s) / len(self._running)
            spent.busy_s += (now_s - before_s) / len(self._running)
