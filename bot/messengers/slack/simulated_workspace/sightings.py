"""What people saw, in order: messages, live chunks, edits, deletions, statuses."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class SightingKind(StrEnum):
    """What happened before a person's eyes."""

    POST = "post"
    EPHEMERAL = "ephemeral"
    EDIT = "edit"
    DELETE = "delete"
    STREAM_START = "stream_start"
    STREAM_CHUNK = "stream_chunk"
    STREAM_STOP = "stream_stop"
    STATUS = "status"
    SESSION = "session"
    PROMPTS = "prompts"
    HOME = "home"
    MODAL = "modal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """One change of the screen of everybody in ``room``, or of the ``only`` person."""

    kind: SightingKind
    room: str
    thread_ts: str  #: the thread's root, for a top-level message its own ts
    ts: str  #: of the message; "" without one
    text: str  #: as it stands afterwards: of a stream all that was written so far
    at: float  #: Unix seconds
    only: str = ""  #: the one who sees it; "" everybody in the room
    hidden_from: str = ""  #: who has seen it already
    author: str = ""
    document: dict[str, Any] = field(default_factory=dict)

    def is_seen_by(self, person: str) -> bool:
        """Whether this person saw it, if they are in the room."""
        return self.only in ("", person) and (not self.hidden_from or self.hidden_from != person)


class Sightings:
    """The newest ``capacity`` sightings."""

    def __init__(self, capacity: int) -> None:
        self._sightings: deque[Sighting] = deque(maxlen=capacity)

    def __iter__(self) -> Iterator[Sighting]:
        return iter(tuple(self._sightings))

    def add(self, sighting: Sighting) -> None:
        """Keep what a person saw."""
        self._sightings.append(sighting)

    def of(self, person: str, room: str, thread_ts: str | None = None) -> list[Sighting]:
        """What a person saw in a room, or in one of its threads, in order."""
        return [
            each
            for each in tuple(self._sightings)
            if each.room == room and each.is_seen_by(person) and thread_ts in (None, each.thread_ts)
        ]

    def screen(self, person: str, room: str, thread_ts: str | None = None) -> dict[str, str]:
        """The texts that a person sees now, by the messages' ts, without what was deleted."""
        shown: dict[str, str] = {}
        for each in self.of(person, room, thread_ts):
            if each.kind is SightingKind.DELETE:
                shown.pop(each.ts, None)
            elif each.kind in _OF_MESSAGES:
                shown[each.ts] = each.text
        return shown

    def versions(self, person: str, room: str, ts: str) -> list[str]:
        """All texts in which a person saw one message, in order: chunks and edits."""
        seen = self.of(person, room)
        return [each.text for each in seen if each.ts == ts and each.kind in _OF_MESSAGES]


_OF_MESSAGES = frozenset(
    {
        SightingKind.POST,
        SightingKind.EPHEMERAL,
        SightingKind.EDIT,
        SightingKind.STREAM_START,
        SightingKind.STREAM_CHUNK,
        SightingKind.STREAM_STOP,
    }
)
