"""The events of one browser session, in memory and bounded.

Events are kept, not sent: each open page reads from its own position, so a slow page costs
nothing and a reload shows the whole conversation.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections import deque
from dataclasses import dataclass
from typing import Any

MAX_EVENTS = 500
MAX_EVENT_CHARS = 1_000_000  #: of all events together, as JSON


@dataclass(frozen=True, slots=True)
class Event:
    """An event for the page. ``id`` names it in the stream, ``number`` orders it in its log.

    ``slot``: what it describes; a later event of the same slot takes its place in the log.
    """

    id: str
    number: int
    json: str
    slot: str = ""


class EventLog:
    """Keeps the newest events and wakes their readers."""

    def __init__(self) -> None:
        self.closed = False
        self._epoch = secrets.token_hex(4)
        self._events: deque[Event] = deque()
        self._chars = 0
        self._last_number = 0
        self._changed = asyncio.Event()

    def add(self, event: dict[str, Any], slot: str = "") -> None:
        """Keep an event and wake the readers; beyond the bounds the oldest events go."""
        if slot:
            self._drop(slot)
        self._last_number += 1
        number = self._last_number
        text = json.dumps(event, ensure_ascii=False)
        self._events.append(Event(f"{self._epoch}.{number}", number, text, slot))
        self._chars += len(text)
        while self._is_full():
            self._chars -= len(self._events.popleft().json)
        self._wake()

    def position_of(self, event_id: str) -> int:
        """The number of an event of this log; 0, the beginning, for any other id."""
        epoch, _, number = event_id.partition(".")
        return int(number) if epoch == self._epoch and number.isdecimal() else 0

    def after(self, number: int) -> list[Event]:
        """The kept events later than this number, oldest first."""
        return [event for event in self._events if event.number > number]

    async def wait_for_change(self, number: int, timeout_s: float) -> None:
        """Wait for an event later than this number or the end; raises TimeoutError."""
        async with asyncio.timeout(timeout_s):
            while self._last_number <= number and not self.closed:
                await self._changed.wait()

    def close(self) -> None:
        """End the streams of its readers."""
        self.closed = True
        self._wake()

    def _drop(self, slot: str) -> None:
        for event in self._events:
            if event.slot == slot:
                self._events.remove(event)
                self._chars -= len(event.json)
                return

    def _is_full(self) -> bool:
        too_long = self._chars > MAX_EVENT_CHARS and len(self._events) > 1
        return too_long or len(self._events) > MAX_EVENTS

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
