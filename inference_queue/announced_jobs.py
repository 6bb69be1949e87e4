"""Jobs that this process has enqueued, by which it knows the wake-ups of their results."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from uuid import UUID

#: Far more than are open at once; the oldest is forgotten, and its result is read.
MAX_JOBS = 10_000


class AnnouncedJobs:
    """The ids of jobs, each until its first wake-up."""

    def __init__(self) -> None:
        self._names: dict[str, None] = {}

    def add(self, job_ids: Iterable[UUID]) -> None:
        """Remember jobs that were enqueued."""
        self._names |= dict.fromkeys(map(str, job_ids))
        while len(self._names) > MAX_JOBS:
            del self._names[next(iter(self._names))]

    def take(self, causes: Collection[str]) -> list[UUID]:
        """The jobs among the causes of wake-ups, which are then forgotten."""
        known = self._names.keys() & causes
        for name in known:
            del self._names[name]
        return [UUID(name) for name in known]
