"""What a list of turns is asked for, as conditions on rows and as hashes of the index."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement

from bot.store.search.segments import BEGINNING, END


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
    whole_texts: bool = False  #: words are looked for, anywhere in the texts

    @property
    def hashed(self) -> bool:
        """Whether the index knows where to look."""
        return bool(self.required or self.alternatives)
