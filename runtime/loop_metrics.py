"""The metrics of a program's event loop, for Prometheus: what its monitor measures."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator
from itertools import accumulate

from prometheus_client import REGISTRY
from prometheus_client.core import HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from runtime.loop_monitor import Block

_BUCKETS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 15.0, 60.0)
_BOUNDS = (*(str(bucket) for bucket in _BUCKETS), "+Inf")


def loop_recorder(program: str) -> Callable[[Block], None]:
    """Register the metrics, named after ``program``; the result counts one beat of the monitor."""
    lag = _Seconds(f"{program}_event_loop_lag_seconds", "How late a timer of the event loop was")
    blocked = _Seconds(
        f"{program}_event_loop_blocked_seconds",
        "The part of the lag in which the process held its event loop, without waits for a "
        "processor",
    )
    cpu = _Seconds(
        f"{program}_event_loop_cpu_seconds", "The part of the lag in which the event loop computed"
    )

    def record(block: Block) -> None:
        lag.observe(block.lag_s)
        blocked.observe(block.held_s)
        cpu.observe(block.cpu_s)

    return record


class _Seconds(Collector):
    """A histogram without labels and locks, for one thread observes, a hundred times a second."""

    def __init__(self, name: str, documentation: str) -> None:
        self._name, self._documentation = name, documentation
        self._counts = [0] * len(_BOUNDS)
        self._sum_s = 0.0
        REGISTRY.register(self)

    def observe(self, seconds: float) -> None:
        self._counts[bisect_left(_BUCKETS, seconds)] += 1
        self._sum_s += seconds

    def collect(self) -> Iterator[Metric]:
        """The buckets, each with what is in those below it, and the sum."""
        buckets = list(zip(_BOUNDS, accumulate(self._counts), strict=True))
        yield HistogramMetricFamily(
            self._name, self._documentation, buckets=buckets, sum_value=self._sum_s
        )
