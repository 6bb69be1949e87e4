"""What all stages share: the order of the tests, threads, and garbage."""

from __future__ import annotations

import gc
import os
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

TESTS = Path(__file__).parent
#: The stages with the longest tests begin, so that no process is left alone with one at the end.
ORDER = ("acceptance", "integration", "unit")

# A busy machine is slow, and no test asserts on the clock.
settings.register_profile("any speed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any speed")

# Several test processes share few cores; threads that wait for each other would stall them all.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect no garbage meanwhile, nor look through the thousands of tests for it later."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """In one process the quick stage comes first; in several the long tests do."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: (item.get_closest_marker("slow") is None, _stage(item)))
    else:
        items.sort(key=lambda item: -_stage(item))


def _stage(item: pytest.Item) -> int:
    return ORDER.index(item.path.relative_to(TESTS).parts[0])
