"""chat.startStream, appendStream and stopStream: a message that is written before one's eyes.

Outside direct messages only the recipient sees it live; everybody else sees its first chunk until
it ends. A stream ends by chat.stopStream, a person, or after its lifetime.
"""

from __future__ import annotations

from typing import Any

from bot.messengers.slack.simulated_workspace.arguments import Arguments, invalid
from bot.messengers.slack.simulated_workspace.block_limits import check_blocks
from bot.messengers.slack.simulated_workspace.errors import SlackError
from bot.messengers.slack.simulated_workspace.messages import (
    MAX_MARKDOWN_TEXT_CHARS,
    checked_metadata,
    own_message,
)
from bot.messengers.slack.simulated_workspace.method import Call, Method
from bot.messengers.slack.simulated_workspace.records import Message, Room, Stream
from bot.messengers.slack.simulated_workspace.sightings import SightingKind
from bot.messengers.slack.simulated_workspace.state import WorkspaceState
from bot.messengers.slack.simulated_workspace.surfaces import Surfaces

CHUNK_TYPES = frozenset({"markdown_text", "task_update", "plan_update", "blocks"})


class StreamMethods:
    """The bot's streams of a workspace."""

    def __init__(self, state: WorkspaceState, surfaces: Surfaces) -> None:
        self._state = state
        self._surfaces = surfaces
        self._live: dict[tuple[str, str], Message] = {}  #: by room and ts

    def methods(self) -> list[Method]:
        """The methods by name."""
        scope = ("chat:write",)
        return [
            Method(name="chat.startStream", handle=self._start, scopes=scope, tier=2),
            Method(name="chat.appendStream", handle=self._append, scopes=scope, tier=4),
            Method(name="chat.stopStream", handle=self._stop, scopes=scope, tier=2),
        ]

    def expire(self) -> int:
        """End the streams whose lifetime is over; their number."""
        ended = 0
        oldest = self._state.now - self._state.rules.stream_lifetime_s
        for (room_id, _), message in tuple(self._live.items()):
            if message.stream is not None and message.stream.started_at <= oldest:
                self._end(self._state.directory.room(room_id), message)
                ended += 1
        return ended

    def stop_in(self, room_id: str, thread_ts: str) -> list[str]:
        """A person stops the streams of a thread; their ts."""
        room = self._state.directory.room(room_id)
        here = [m for (r, _), m in self._live.items() if r == room_id and m.root_ts == thread_ts]
        for message in here:
            self._end(room, message)
        return [message.ts for message in here]

    def _start(self, call: Call) -> dict[str, Any]:
        arguments = call.arguments
        room = self._state.directory.for_writing(arguments.required("channel"))
        rules = self._state.rules
        if not rules.streams or room.id in rules.rooms_without_streams:
            raise SlackError("channel_type_not_supported")
        thread_ts = arguments.required("thread_ts")  # as slack_sdk requires it
        if root := room.messages.get(thread_ts):
            thread_ts = root.root_ts
        else:
            raise SlackError("invalid_thread_ts")
        recipient = self._recipient(room, arguments)
        message = own_message(self._state, text="", thread_ts=thread_ts)
        message.stream = Stream(started_at=self._state.now, recipient=recipient)
        self._write(message, arguments)
        self._live[room.id, message.ts] = self._state.add(room, message)
        self._surfaces.clear_status(room.id, thread_ts)
        self._state.show(SightingKind.STREAM_START, room, message)
        return {"channel": room.id, "ts": message.ts}

    def _append(self, call: Call) -> dict[str, Any]:
        room, message = self._streaming(call.arguments)
        is_first = not message.text
        if not self._write(message, call.arguments):
            raise SlackError("no_text")
        recipient = message.stream.recipient if message.stream else ""
        only = "" if is_first else recipient
        self._state.show(SightingKind.STREAM_CHUNK, room, message, only=only)
        return {"channel": room.id, "ts": message.ts}

    def _stop(self, call: Call) -> dict[str, Any]:
        arguments = call.arguments
        room, message = self._streaming(arguments)
        below = arguments.items("blocks")
        check_blocks(below, self._state.rules)
        metadata = checked_metadata(arguments)
        status = arguments.text("session_status")
        if status:
            self._surfaces.check_session_status(status)
        self._write(message, arguments)
        message.blocks = [*message.blocks, *below]
        message.metadata = metadata
        self._end(room, message)
        if status:
            self._surfaces.set_session(room.id, message.root_ts, status)
        document = message.document(with_metadata=True)
        return {"channel": room.id, "ts": message.ts, "message": document}

    def _recipient(self, room: Room, arguments: Arguments) -> str:
        user, team = arguments.text("recipient_user_id"), arguments.text("recipient_team_id")
        if room.is_dm:
            return ""
        if not team:
            raise SlackError("missing_recipient_team_id")
        if not user:
            raise SlackError("missing_recipient_user_id")
        if user not in self._state.directory.users:
            raise SlackError("user_not_found")
        return user

    def _streaming(self, arguments: Arguments) -> tuple[Room, Message]:
        room = self._state.directory.for_writing(arguments.required("channel"))
        message = self._state.message(room, arguments.required("ts"))
        if message.bot_id != self._state.directory.bot.bot_id:
            raise SlackError("message_not_owned_by_app")
        if message.stream is None:
            raise SlackError("message_not_in_streaming_state")
        return room, message

    def _write(self, message: Message, arguments: Arguments) -> bool:
        """Append a call's text and chunks; whether there were any."""
        text, others = _chunks(arguments)
        if len(message.text) + len(text) > self._state.rules.max_text_chars:
            raise SlackError("msg_too_long")
        check_blocks(others, self._state.rules)
        message.text += text
        later = [block for block in message.blocks if block.get("type") != "markdown"]
        written = [{"type": "markdown", "text": message.text}] if message.text else []
        message.blocks = [*written, *later, *others]
        return bool(text or others or arguments.values.get("chunks"))

    def _end(self, room: Room, message: Message) -> None:
        message.stream = None
        self._live.pop((room.id, message.ts), None)
        self._state.show(SightingKind.STREAM_STOP, room, message)


def _chunks(arguments: Arguments) -> tuple[str, list[dict[str, Any]]]:
    """The text and the blocks that one call adds; raises SlackError."""
    text, blocks = arguments.text("markdown_text"), []
    for chunk in arguments.items("chunks"):
        if not isinstance(chunk, dict) or chunk.get("type") not in CHUNK_TYPES:
            raise invalid("chunks: unknown type")
        if chunk["type"] == "markdown_text":
            text += str(chunk.get("text", ""))
        elif chunk["type"] == "blocks":
            blocks += chunk.get("blocks", [])
    if len(text) > MAX_MARKDOWN_TEXT_CHARS:
        raise SlackError("msg_too_long")
    return text, blocks
