"""Evenly spaced calls, each workspace for itself."""

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
