"""What an agent's thread shows beside its messages: statuses, sessions, suggested prompts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bot.messengers.slack.simulated_workspace.errors import SlackError
from bot.messengers.slack.simulated_workspace.sightings import SightingKind
from bot.messengers.slack.simulated_workspace.state import WorkspaceState

SESSION_STATUSES = ("active", "processing", "suspended", "closed")
MAX_THREADS = 100_000  #: whose surfaces are kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The loader below a thread, until a message or its lifetime ends it."""

    text: str
    loading_messages: tuple[str, ...]
    set_at: float


class Surfaces:
    """By room and thread."""

    def __init__(self, state: WorkspaceState) -> None:
        self._state = state
        self._statuses: dict[tuple[str, str], Status] = {}
        self.sessions: dict[tuple[str, str], str] = {}
        self.titles: dict[tuple[str, str], str] = {}
        self.prompts: dict[str, list[dict[str, Any]]] = {}  #: by direct message

    def status(self, room: str, thread_ts: str) -> Status | None:
        """The loader that people see there now."""
        status = self._statuses.get((room, thread_ts))
        lifetime_s = self._state.rules.status_lifetime_s
        alive = status is not None and self._state.now < status.set_at + lifetime_s
        return status if alive else None

    def set_status(self, room: str, thread_ts: str, text: str, loading: list[str]) -> None:
        """Show a loader; an empty text clears it."""
        self._statuses.pop((room, thread_ts), None)
        if text:
            status = Status(text=text, loading_messages=(*loading,), set_at=self._state.now)
            _keep(self._statuses, (room, thread_ts), status)
        self._state.show_surface(SightingKind.STATUS, room, text, thread_ts, loading=loading)

    def clear_status(self, room: str, thread_ts: str) -> None:
        """A message has come."""
        if self.status(room, thread_ts) is not None:
            self.set_status(room, thread_ts, "", [])

    def check_session_status(self, status: str) -> None:
        """Raise SlackError for a word that is no session's status."""
        if status not in SESSION_STATUSES:
            raise SlackError("invalid_arguments")

    def set_session(self, room: str, thread_ts: str, status: str, title: str = "") -> None:
        """Set a session's status, and its title where one is given."""
        _keep(self.sessions, (room, thread_ts), status)
        if title:
            _keep(self.titles, (room, thread_ts), title)
        self._state.show_surface(SightingKind.SESSION, room, status, thread_ts, title=title)

    def set_prompts(self, room: str, prompts: list[dict[str, Any]], title: str) -> None:
        """Show suggested prompts in a direct message."""
        _keep(self.prompts, room, prompts)
        texts = "\n".join(str(prompt["title"]) for prompt in prompts)
        self._state.show_surface(SightingKind.PROMPTS, room, texts, title=title, prompts=prompts)


def _keep(kept: dict[Any, Any], key: Any, value: Any) -> None:
    kept.pop(key, None)
    kept[key] = value
    if len(kept) > MAX_THREADS:
        del kept[next(iter(kept))]
