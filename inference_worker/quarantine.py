"""Jobs whose rows Postgres refuses to change: left alone for a while, so that others go on."""

from __future__ import annotations

import time
from dataclasses import dataclass
from uuid import UUID

from runtime.backoff import exponential_backoff_s

BASE_S = 1.0
MAX_S = 60.0
#: A job that was not refused again for this long is forgotten.
FORGET_S = 600.0


@dataclass(slots=True)
class _Entry:
    faults: int = 0
    until: float = 0.0  #: on the clock of time.monotonic


class Quarantine:
    """Counts the faults of each job and says which are to be left out for now."""

    def __init__(self) -> None:
        self._entries: dict[UUID, _Entry] = {}

    def add(self, job_id: UUID) -> int:
        """Leave the job out, longer after each fault; how many faults it has had."""
        entry = self._entries.setdefault(job_id, _Entry())
        entry.faults += 1
        entry.until = time.monotonic() + exponential_backoff_s(
            entry.faults, base_s=BASE_S, max_s=MAX_S
        )
        return entry.faults

    def active(self) -> list[UUID]:
        """The jobs to be left out now."""
        now = time.monotonic()
        self._entries = {
            job_id: entry for job_id, entry in self._entries.items() if entry.until + FORGET_S > now
        }
        return [job_id for job_id, entry in self._entries.items() if entry.until > now]
