"""Browser sessions of the simulator, in memory and bounded: one person each."""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from typing import Any

from bot.simulator.event_log import EventLog
from runtime.tasks import TaskSet

MAX_SESSIONS = 200
MAX_MESSAGE_CHARS = 10_000
MAX_RUNNING = 16  #: concurrent exchanges of a session


class BusyError(Exception):
    """The session already has MAX_RUNNING exchanges."""


class Session:
    """One person in front of one browser."""

    def __init__(self) -> None:
        self.id = secrets.token_urlsafe(24)
        self.person = secrets.token_hex(16)  #: the person's id for the bot; not the cookie's value
        self.events = EventLog()
        self.streams = 0  #: pages that read the events
        self._exchanges = TaskSet()

    @property
    def closed(self) -> bool:
        """Whether the session has ended."""
        return self.events.closed

    def run(self, exchange: Coroutine[Any, Any, None]) -> None:
        """Run an exchange in the background; raises BusyError."""
        if self.closed or len(self._exchanges) >= MAX_RUNNING:
            exchange.close()
            raise BusyError
        self._exchanges.start(exchange)

    def close(self) -> None:
        """End the exchanges and the streams."""
        self._exchanges.cancel_soon()
        self.events.close()


class Sessions:
    """The most recently used sessions; beyond the capacity the least recent one ends."""

    def __init__(self, capacity: int = MAX_SESSIONS) -> None:
        self._capacity = capacity
        self._sessions: OrderedDict[str, Session] = OrderedDict()

    def open(self) -> Session:
        """A new session of a new person."""
        session = Session()
        self._sessions[session.id] = session
        while len(self._sessions) > self._capacity:
            self._sessions.popitem(last=False)[1].close()
        return session

    def get(self, session_id: str) -> Session | None:
        """The session with this id, if it is still kept."""
        session = self._sessions.get(session_id)
        if session is not None:
            self._sessions.move_to_end(session_id)
        return session

    def end(self, session: Session) -> None:
        """Close and forget the session."""
        self._sessions.pop(session.id, None)
        session.close()

    def close(self) -> None:
        """End all sessions."""
        for session in tuple(self._sessions.values()):
            self.end(session)


class Exchange:
    """One message of the person and every event that follows from it."""

    def __init__(
        self, session: Session, pane: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.person = session.person
        self._events = session.events
        self._pane = pane
        self._id = secrets.token_hex(6)
        self._clock = clock
        self._started_at = clock()

    @property
    def age_s(self) -> float:
        """Seconds since the message was sent."""
        return self._clock() - self._started_at

    def show(self, kind: str, *, slot: str = "", **fields: Any) -> None:
        """Add an event to the person's page, with its time and its delay after the message.

        ``slot``: the event takes the place of the last one with the same slot, such as the newer
        text of a message.
        """
        self._events.add(
            {
                "pane": self._pane,
                "exchange": self._id,
                "kind": kind,
                "at": round(time.time(), 3),
                "after_s": round(self.age_s, 2),
                **fields,
            },
            slot,
        )


def not_blank(text: str) -> str:
    """The text itself; raises ValueError if it is blank."""
    if not text.strip():
        raise ValueError("the message is empty")
    return text
