"""Progress for people, on standard error: how much is done, and about how long the rest takes."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

#: Seconds between two lines.
EVERY_S = 5.0


def say(sentence: str) -> None:
    """Tell a sentence."""
    sys.stderr.write(f"{sentence}\n")
    sys.stderr.flush()


class Progress:
    """Counts what is done of a known number; what an earlier run has done takes no time."""

    def __init__(
        self,
        what: str,
        total: int,
        *,
        done: int = 0,
        clock: Callable[[], float] = time.monotonic,
        tell: Callable[[str], None] = say,
    ) -> None:
        self._what = what
        self._total = total
        self._done = self._before = done
        self._clock = clock
        self._tell = tell
        self._began = self._told = clock()

    def advance(self) -> None:
        """One more is done."""
        self._done += 1
        now = self._clock()
        if now - self._told >= EVERY_S or self._done == self._total:
            self._told = now
            self._tell(self._line(now))

    def _line(self, now: float) -> str:
        line = f"{self._what}: {self._done:,} of {self._total:,}"
        left = self._total - self._done
        if not left:
            return f"{line}, done in {duration(now - self._began)}"
        each = (now - self._began) / max(self._done - self._before, 1)
        return f"{line}, about {duration(left * each)} left"


def duration(seconds: float) -> str:
    """Such as ``40 s``, ``3 min``, ``2 h 5 min``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
