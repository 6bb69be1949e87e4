"""chat.postMessage, postEphemeral, update, delete and getPermalink."""

from __future__ import annotations

from typing import Any

from bot.messengers.slack.simulated_workspace.arguments import Arguments, invalid
from bot.messengers.slack.simulated_workspace.block_limits import check_message
from bot.messengers.slack.simulated_workspace.errors import SlackError
from bot.messengers.slack.simulated_workspace.method import Call, Method
from bot.messengers.slack.simulated_workspace.records import Message, Room
from bot.messengers.slack.simulated_workspace.sightings import SightingKind
from bot.messengers.slack.simulated_workspace.state import WorkspaceState
from bot.messengers.slack.simulated_workspace.surfaces import Surfaces

MAX_MARKDOWN_TEXT_CHARS = 12_000  #: of ``markdown_text`` in one call


class MessageMethods:
    """The bot's own messages."""

    def __init__(self, state: WorkspaceState, surfaces: Surfaces) -> None:
        self._state = state
        self._surfaces = surfaces

    def methods(self) -> list[Method]:
        """The methods by name."""
        scope = ("chat:write",)
        return [
            Method(name="chat.postMessage", handle=self._post, scopes=scope, tier=4),
            Method(name="chat.postEphemeral", handle=self._post_ephemeral, scopes=scope, tier=4),
            Method(name="chat.update", handle=self._update, scopes=scope, tier=3),
            Method(name="chat.delete", handle=self._delete, scopes=scope, tier=3),
            Method(name="chat.getPermalink", handle=self._permalink, tier=4),
        ]

    def _post(self, call: Call) -> dict[str, Any]:
        arguments = call.arguments
        room = self._state.directory.for_writing(arguments.required("channel"))
        message = self._new(room, arguments)
        self._state.add(room, message)
        self._surfaces.clear_status(room.id, message.root_ts)
        self._state.show(SightingKind.POST, room, message)
        document = message.document(with_metadata=True)
        return {"channel": room.id, "ts": message.ts, "message": document}

    def _post_ephemeral(self, call: Call) -> dict[str, Any]:
        arguments = call.arguments
        room = self._state.directory.for_writing(arguments.required("channel"))
        user = arguments.required("user")
        known = user in self._state.directory.users
        if not known or not self._state.directory.sees(user, room):
            raise SlackError("user_not_in_channel")
        message = self._new(room, arguments)
        self._state.add_ephemeral(room, message, user)
        return {"message_ts": message.ts}

    def _update(self, call: Call) -> dict[str, Any]:
        arguments = call.arguments
        room = self._state.directory.for_writing(arguments.required("channel"))
        message = self._own(room, arguments.required("ts"), "cant_update_message")
        if message.stream is not None:
            raise SlackError("streaming_state_conflict")
        if self._state.rules.refusal_of_edits:
            raise SlackError(self._state.rules.refusal_of_edits)
        content = content_of(arguments, self._state)
        message.text, message.blocks = content["text"], content["blocks"]
        metadata = arguments.object("metadata")
        message.metadata = message.metadata if metadata is None else metadata
        message.edited = {"user": message.user, "ts": self._state.new_ts()}
        self._state.show(SightingKind.EDIT, room, message)
        document = message.document(with_metadata=True)
        return {"channel": room.id, "ts": message.ts, "text": message.text, "message": document}

    def _delete(self, call: Call) -> dict[str, Any]:
        arguments = call.arguments
        room = self._state.directory.for_writing(arguments.required("channel"))
        message = self._own(room, arguments.required("ts"), "cant_delete_message")
        if message.stream is not None:
            raise SlackError("streaming_state_conflict")
        del room.messages[message.ts]
        self._state.show(SightingKind.DELETE, room, message)
        return {"channel": room.id, "ts": message.ts}

    def _permalink(self, call: Call) -> dict[str, Any]:
        room = self._state.directory.for_reading(call.arguments.required("channel"))
        ts = self._state.message(room, call.arguments.required("message_ts")).ts
        path = f"{room.id}/p{ts.replace('.', '')}"
        team = self._state.team_id.lower()
        return {"channel": room.id, "permalink": f"https://{team}.slack.com/archives/{path}"}

    def _new(self, room: Room, arguments: Arguments) -> Message:
        content = content_of(arguments, self._state)
        thread_ts = self._state.root_of(room, arguments.text("thread_ts"))
        broadcast = bool(thread_ts) and arguments.flag("reply_broadcast")
        return own_message(
            self._state,
            thread_ts=thread_ts,
            metadata=checked_metadata(arguments),
            subtype="thread_broadcast" if broadcast else "",
            **content,
        )

    def _own(self, room: Room, ts: str, refusal: str) -> Message:
        message = self._state.message(room, ts)
        if message.bot_id != self._state.directory.bot.bot_id:
            raise SlackError(refusal)
        return message


def own_message(state: WorkspaceState, **fields: Any) -> Message:
    """A new message of the bot."""
    bot = state.directory.bot
    ts = state.new_ts()
    return Message(ts=ts, user=bot.user_id, bot_id=bot.bot_id, app_id=bot.app_id, **fields)


def content_of(arguments: Arguments, state: WorkspaceState) -> dict[str, Any]:
    """``text`` and ``blocks`` of a message; raises SlackError."""
    text, blocks = arguments.text("text"), arguments.items("blocks")
    markdown = arguments.text("markdown_text")
    if markdown:
        if text or blocks:
            raise SlackError("markdown_text_conflict")
        if len(markdown) > MAX_MARKDOWN_TEXT_CHARS:
            raise SlackError("msg_too_long")
        text, blocks = markdown, [{"type": "markdown", "text": markdown}]
    check_message({"text": text, "blocks": blocks}, state.rules)
    return {"text": text, "blocks": blocks}


def checked_metadata(arguments: Arguments) -> dict[str, Any] | None:
    """``metadata`` with its two fields, or None; raises SlackError."""
    metadata = arguments.object("metadata")
    if metadata is None:
        return None
    named = isinstance(metadata.get("event_type"), str)
    if not named or not isinstance(metadata.get("event_payload"), dict):
        raise invalid("metadata needs event_type and event_payload")
    return metadata
