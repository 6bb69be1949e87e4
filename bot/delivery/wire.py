"""The calls on the wire, and how many more there may be at once."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator
from uuid import UUID

from bot.store.delivery_claims import DeliveryClaim

#: The maximum of calls on the wire, and of those to one messenger: a platform that hangs leaves
#: room for the others.
BATCH, SHARE = 48, 32


class Wire:
    """Counts calls by messenger. Room may be reserved for claims that are under way."""

    def __init__(self) -> None:
        self._calls: Counter[str] = Counter()
        self._turns: set[UUID] = set()
        self._reserved = 0

    def __contains__(self, turn_id: UUID) -> bool:
        """Whether the turn's answer is on the wire."""
        return turn_id in self._turns

    @property
    def is_busy(self) -> bool:
        """Whether anything is on the wire."""
        return self._calls.total() > 0

    @property
    def full(self) -> list[str]:
        """The messengers whose share is used up."""
        return [name for name, calls in self._calls.items() if calls >= SHARE]

    @property
    def room(self) -> int:
        """How many may be claimed, so that whosever they are no messenger exceeds its share."""
        fullest = max((calls for calls in self._calls.values() if calls < SHARE), default=0)
        return min(BATCH - self._calls.total(), SHARE - fullest) - self._reserved

    @contextlib.contextmanager
    def reserving(self, most: int) -> Iterator[int]:
        """Room for ``most`` claims, or as many as there is room for, while the context lasts."""
        room = max(min(self.room, most), 0)
        self._reserved += room
        try:
            yield room
        finally:
            self._reserved -= room

    def add(self, claim: DeliveryClaim) -> None:
        """The claim's call begins."""
        self._calls[claim.turn.messenger] += 1
        self._turns.add(claim.turn_id)

    def remove(self, claim: DeliveryClaim) -> None:
        """The claim's call has ended."""
        self._calls[claim.turn.messenger] -= 1
        self._turns.discard(claim.turn_id)
