"""Rows at fault, left out of this process's statements for a growing while."""

from __future__ import annotations

import time
from dataclasses import dataclass
from uuid import UUID

FIRST_S = 2.0
MAX_S = 300.0
#: A process remembers so many; beyond them the oldest takes part again.
MAX_ROWS = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rest:
    strikes: int
    until: float


class Quarantine:
    """Which rows sit out, and which of them are due for a try on their own."""

    def __init__(self) -> None:
        self._rests: dict[UUID, _Rest] = {}

    def add(self, turn_id: UUID) -> None:
        """Leave the row out, for twice as long as the last time."""
        before = self._rests.pop(turn_id, None)
        if len(self._rests) >= MAX_ROWS:
            del self._rests[next(iter(self._rests))]
        strikes = before.strikes + 1 if before else 1
        pause_s = min(FIRST_S * 2.0 ** min(strikes - 1, 16), MAX_S)
        self._rests[turn_id] = _Rest(strikes=strikes, until=time.monotonic() + pause_s)

    def discard(self, turn_id: UUID) -> None:
        """Let the row take part again."""
        self._rests.pop(turn_id, None)

    @property
    def rows(self) -> tuple[UUID, ...]:
        """All rows that sit out, also those due for a try: none of them shares a statement."""
        return tuple(self._rests)

    def due_row(self) -> UUID | None:
        """The row whose rest ended first, to be tried alone; None: all are to rest on."""
        if not self._rests:
            return None
        turn_id, rest = min(self._rests.items(), key=lambda item: item[1].until)
        return turn_id if rest.until <= time.monotonic() else None
