"""conversations.history and conversations.replies, in pages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bot.messengers.slack.simulated_workspace.arguments import Arguments, invalid
from bot.messengers.slack.simulated_workspace.errors import SlackError
from bot.messengers.slack.simulated_workspace.method import Call, Method
from bot.messengers.slack.simulated_workspace.records import Message, Room
from bot.messengers.slack.simulated_workspace.state import WorkspaceState

MAX_LIMIT = 999
_SCOPES = ("channels:history", "groups:history", "im:history")


class HistoryMethods:
    """What the bot may read of its rooms."""

    def __init__(self, state: WorkspaceState) -> None:
        self._state = state

    def methods(self) -> list[Method]:
        """The methods by name."""
        return [
            Method(name="conversations.history", handle=self._history, tier=3),
            Method(name="conversations.replies", handle=self._replies, tier=3),
        ]

    def _history(self, call: Call) -> dict[str, Any]:
        room = self._readable(call)
        newest_first = [*reversed(room.top_level())]
        return self._page(room, newest_first, call.arguments)

    def _replies(self, call: Call) -> dict[str, Any]:
        room = self._readable(call)
        ts = call.arguments.required("ts")
        named = room.messages.get(ts)
        thread = [named] if named is not None and named.thread_ts else room.thread(ts)
        if not thread:
            raise SlackError("thread_not_found")
        return self._page(room, thread, call.arguments)

    def _readable(self, call: Call) -> Room:
        room_id = call.arguments.required("channel")
        known = self._state.directory.rooms.get(room_id) or Room(id=room_id)
        call.require_scope(known.history_scope)
        return self._state.directory.for_reading(room_id)

    def _page(
        self, room: Room, messages: Sequence[Message], arguments: Arguments
    ) -> dict[str, Any]:
        oldest = micros(arguments.text("oldest", "0"))
        latest = micros(arguments.text("latest", "9" * 10))
        edge = 0 if arguments.flag("inclusive") else 1
        found = [m for m in messages if oldest + edge <= micros(m.ts) <= latest - edge]
        limit = arguments.integer("limit", 100)
        if not 1 <= limit <= MAX_LIMIT:
            raise SlackError("invalid_limit")
        begin = _cursor(arguments.text("cursor"))
        end = begin + min(limit, self._state.rules.page_size)
        with_metadata = arguments.flag("include_all_metadata") and self._state.rules.shows_metadata
        shown = [self._document(room, m, with_metadata=with_metadata) for m in found[begin:end]]
        more = end < len(found)
        further = {"response_metadata": {"next_cursor": str(end)}} if more else {}
        return {"messages": shown, "has_more": more, **further}

    def _document(self, room: Room, message: Message, *, with_metadata: bool) -> dict[str, Any]:
        document = message.document(with_metadata=with_metadata)
        replies = sum(1 for each in room.messages.values() if each.thread_ts == message.ts)
        thread = {"thread_ts": message.ts, "reply_count": replies} if replies else {}
        return {**document, **thread}


def micros(raw: str) -> int:
    """A ts in microseconds; a float would lose precision. Raises SlackError."""
    seconds, _, fraction = raw.partition(".")
    try:
        return int(seconds) * 10**6 + int(fraction.ljust(6, "0")[:6])
    except ValueError:
        raise invalid(f"{raw!r} is no timestamp") from None


def _cursor(raw: str) -> int:
    if raw and not raw.isdecimal():
        raise SlackError("invalid_cursor")
    return int(raw or 0)
