"""The jobs that this process has announced to the workers: their wake-ups name them at the end."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from uuid import UUID

#: Far more than wait for a worker at once; the oldest is forgotten.
MAX_JOBS = 10_000


class AnnouncedJobs:
    """Names of jobs, until they come back."""

    def __init__(self) -> None:
        self._names: dict[str, None] = {}

    def add(self, job_ids: Iterable[UUID]) -> None:
        """These are announced."""
        self._names |= dict.fromkeys(map(str, job_ids))
        while len(self._names) > MAX_JOBS:
            del self._names[next(iter(self._names))]

    def take(self, causes: Collection[str]) -> list[UUID]:
        """Those of them that wake-ups of these causes tell of, each once."""
        known = self._names.keys() & causes
        for name in known:
            del self._names[name]
        return [UUID(name) for name in known]
