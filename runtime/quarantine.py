"""Rows that Postgres refuses, excluded from shared statements for growing pauses."""

from __future__ import annotations

import time
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar
from uuid import UUID

from runtime.backoff import exponential_backoff_s

Key = TypeVar("Key", bound=Hashable)

#: The maximum of rows per process; above it, the oldest returns to the batches.
MAX_ROWS = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    faults: int
    until: float  #: on the clock of time.monotonic


class KeyedQuarantine(Generic[Key]):
    """The rows excluded from batches, and the next of them to be tried alone."""

    def __init__(self, *, base_s: float, max_s: float) -> None:
        self._base_s = base_s
        self._max_s = max_s
        self._entries: dict[Key, _Entry] = {}

    @property
    def rows(self) -> tuple[Key, ...]:
        """All excluded rows, due ones included: none of them shares a statement."""
        return tuple(self._entries)

    def add(self, row_id: Key) -> int:
        """Exclude the row, for twice as long as before; the number of its faults."""
        before = self._entries.pop(row_id, None)
        if len(self._entries) >= MAX_ROWS:
            del self._entries[next(iter(self._entries))]
        faults = before.faults + 1 if before else 1
        pause_s = exponential_backoff_s(faults, base_s=self._base_s, max_s=self._max_s)
        self._entries[row_id] = _Entry(faults=faults, until=time.monotonic() + pause_s)
        return faults

    def discard(self, row_id: Key) -> None:
        """Return the row to the batches."""
        self._entries.pop(row_id, None)

    def due_row(self) -> Key | None:
        """The row whose pause ended first, to be tried alone; None if no pause has ended."""
        if not self._entries:
            return None
        row_id, entry = min(self._entries.items(), key=lambda item: item[1].until)
        return row_id if entry.until <= time.monotonic() else None


class Quarantine(KeyedQuarantine[UUID]):
    """Rows whose key is a UUID."""
