"""A workspace's state, and the changes that people see."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from bot.messengers.slack.simulated_workspace.directory import Directory
from bot.messengers.slack.simulated_workspace.errors import SlackError
from bot.messengers.slack.simulated_workspace.records import Message, Room
from bot.messengers.slack.simulated_workspace.rules import WorkspaceRules
from bot.messengers.slack.simulated_workspace.sightings import Sighting, SightingKind, Sightings

MAX_VIOLATIONS = 10_000


class WorkspaceState:
    """Rooms, people and what they saw.

    ``violations``: calls that Slack takes but that do not do what their caller means.
    """

    def __init__(
        self,
        team_id: str,
        rules: WorkspaceRules,
        directory: Directory,
        clock: Callable[[], float],
    ) -> None:
        self.team_id = team_id
        self.rules = rules
        self.directory = directory
        self.sightings = Sightings(rules.max_records)
        self.violations: deque[str] = deque(maxlen=MAX_VIOLATIONS)
        self.listeners: list[Callable[[Sighting], object]] = []
        self._clock = clock
        self._last_ts = 0

    @property
    def now(self) -> float:
        """Unix seconds."""
        return self._clock()

    def new_ts(self) -> str:
        """A ts later than every other, such as 1764150000.000100."""
        self._last_ts = max(self._last_ts + 1, int(self.now * 10**6))
        return f"{self._last_ts // 10**6}.{self._last_ts % 10**6:06d}"

    def add(self, room: Room, message: Message) -> Message:
        """Put a message into its room; beyond the maximum the oldest goes."""
        self.keep(room.messages, message)
        return message

    def add_ephemeral(self, room: Room, message: Message, only: str) -> None:
        """Show a message to one person; no history holds it."""
        self.keep(room.ephemeral, message)
        self.show(SightingKind.EPHEMERAL, room, message, only=only)

    def message(self, room: Room, ts: str) -> Message:
        """A message of the room; raises SlackError("message_not_found")."""
        found = room.messages.get(ts)
        if found is None:
            raise SlackError("message_not_found")
        return found

    def root_of(self, room: Room, thread_ts: str) -> str:
        """The thread that a message with this thread_ts joins; "" makes it top-level.

        Slack takes a reply's ts and that of a message that is gone; both are noted as violations.
        """
        if not thread_ts:
            return ""
        named = room.messages.get(thread_ts)
        if named is None and not any(m.thread_ts == thread_ts for m in room.messages.values()):
            self.violations.append(f"{room.id}: thread_ts {thread_ts} names no message")
            return ""
        if named is not None and named.thread_ts:
            self.violations.append(f"{room.id}: thread_ts {thread_ts} names a reply")
            return named.thread_ts
        return thread_ts

    def show(
        self, kind: SightingKind, room: Room, message: Message, only: str = "", hide: str = ""
    ) -> None:
        """Record what a message looks like now, to everybody or to one person."""
        self.record(
            Sighting(
                kind=kind,
                room=room.id,
                thread_ts=message.root_ts,
                ts=message.ts,
                text=message.shown_text(),
                at=self.now,
                only=only,
                hidden_from=hide,
                author=message.user,
                document=message.document(with_metadata=True),
            )
        )

    def show_surface(
        self, kind: SightingKind, room: str, text: str, thread_ts: str = "", **fields: Any
    ) -> None:
        """Record a change outside the messages: a status, prompts, a view."""
        at, only = self.now, str(fields.pop("only", ""))
        self.record(
            Sighting(
                kind=kind,
                room=room,
                thread_ts=thread_ts,
                ts="",
                text=text,
                at=at,
                only=only,
                document=fields,
            )
        )

    def keep(self, messages: dict[str, Message], message: Message) -> None:
        """Add to a room's messages of one kind; beyond the maximum the oldest goes."""
        messages[message.ts] = message
        while len(messages) > self.rules.max_messages or self._is_too_long(messages):
            del messages[next(iter(messages))]

    def _is_too_long(self, messages: dict[str, Message]) -> bool:
        limit = self.rules.max_room_chars
        if not limit or len(messages) <= 1:
            return False
        return sum(message.chars for message in messages.values()) > limit

    def record(self, sighting: Sighting) -> None:
        """Keep a sighting and pass it to the listeners."""
        self.sightings.add(sighting)
        for listener in tuple(self.listeners):
            listener(sighting)
