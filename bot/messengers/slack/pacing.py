"""Evenly spaced calls, and calls that are left out, each workspace for itself."""

from __future__ import annotations

import time

#: Workspaces whose last call is remembered.
MAX_REMEMBERED = 10_000


class Pacing:
    """At most one call per ``every_s`` seconds and workspace."""

    def __init__(self, every_s: float) -> None:
        self._every_s = every_s
        self._next: dict[str, float] = {}

    def reserve(self, team: str) -> float:
        """Take the workspace's next turn; the seconds until it comes."""
        now = time.monotonic()
        begins = max(now, self._next.pop(team, 0.0))
        if len(self._next) >= MAX_REMEMBERED:
            del self._next[next(iter(self._next))]
        self._next[team] = begins + self._every_s
        return begins - now


class Budget:
    """At most ``burst`` calls at once, and ``per_s`` in the long run, of each workspace.

    What exceeds it is left out: for calls that are worth nothing later.
    """

    def __init__(self, *, per_s: float, burst: int) -> None:
        self._per_s = per_s
        self._burst = float(burst)
        self._left: dict[str, tuple[float, float]] = {}

    def take(self, team: str) -> bool:
        """Take one call; False: none is left."""
        now = time.monotonic()
        left, since = self._left.pop(team, (self._burst, now))
        left = min(self._burst, left + (now - since) * self._per_s)
        if len(self._left) >= MAX_REMEMBERED:
            del self._left[next(iter(self._left))]
        taken = left >= 1
        self._left[team] = (left - taken, now)
        return taken
