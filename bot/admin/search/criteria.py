"""What a list of turns is asked for, as conditions on rows and as hashes of the index."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, select

from bot.store.search.segments import BEGINNING, END

#: Turns of a page: with the longest excerpts they take 58 kB, and a page is to be below 60.
PAGE_SIZE = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Criteria:
    """All conditions must hold.

    Each turn for which they do has all of ``required`` in the index, and of each of
    ``alternatives`` one at least.
    """

    conditions: tuple[ColumnElement[bool], ...] = ()
    required: tuple[int, ...] = ()
    alternatives: tuple[tuple[int, ...], ...] = ()
    since: datetime = BEGINNING
    until: datetime = END  #: exclusive
    size: int = PAGE_SIZE  #: turns of one page
    whole_texts: bool = False  #: words are looked for, anywhere in the texts
    #: The ``turn_id`` and ``received_at`` of a few turns, of which the found ones are some. A
    #: condition says the same: where the index is faster, the list is not read.
    among: Select[Any] | None = None

    def within(self, few: Select[Any]) -> Criteria:
        """The same, of a few turns only: ``turn_id`` and ``received_at`` of each."""
        if self.among is None:
            return replace(self, among=few)
        mine, others = self.among.subquery("mine"), few.subquery("others")
        both = select(mine.c.turn_id, mine.c.received_at).where(
            mine.c.turn_id.in_(select(others.c.turn_id))
        )
        return replace(self, among=both)

    def in_pages_of(self, size: int) -> Criteria:
        """The same, so many turns a page."""
        return replace(self, size=size)

    def meeting(self, condition: ColumnElement[bool]) -> Criteria:
        """The same, with another condition."""
        return replace(self, conditions=(*self.conditions, condition))

    @property
    def hashed(self) -> bool:
        """Whether the index knows where to look."""
        return bool(self.required or self.alternatives)
