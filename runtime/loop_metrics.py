"""The metrics of a program's event loop, for Prometheus: what its monitor measures."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import Histogram

from runtime.loop_monitor import Block

_BUCKETS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 15, 60)


def loop_recorder(program: str) -> Callable[[Block], None]:
    """Register the metrics, named after ``program``; the result counts one beat of the monitor."""
    lag = Histogram(
        f"{program}_event_loop_lag_seconds",
        "How late a timer of the event loop was",
        buckets=_BUCKETS,
    )
    blocked = Histogram(
        f"{program}_event_loop_blocked_seconds",
        "The part of the lag in which the process held its event loop, without waits for a "
        "processor",
        buckets=_BUCKETS,
    )
    cpu = Histogram(
        f"{program}_event_loop_cpu_seconds",
        "The part of the lag in which the event loop computed",
        buckets=_BUCKETS,
    )

    def record(block: Block) -> None:
        lag.observe(block.lag_s)
        blocked.observe(block.held_s)
        cpu.observe(block.cpu_s)

    return record
