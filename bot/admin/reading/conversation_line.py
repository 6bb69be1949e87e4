"""A conversation in the lists of a person's and a room's page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationLine:
    """A conversation in a list."""

    id: int
    name: str  #: the pseudonym of its key
    room_key: str  #: "" where the messenger has no rooms
    turns: int
    before: int  #: of the page with the newest of these turns
    since: datetime
    until: datetime
