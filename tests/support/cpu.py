"""Processor time, which other work on the machine does not change."""

from __future__ import annotations

import time
from collections.abc import Callable


def cpu_s(work: Callable[[str], object], text: str) -> float:
    """Seconds of this thread for the text; the least of three, each a little different."""

    def once(number: int) -> float:
        began = time.thread_time()
        work(f"{text}{number}")  # what is cached is no measure
        return time.thread_time() - began

    return min(map(once, range(3)))
