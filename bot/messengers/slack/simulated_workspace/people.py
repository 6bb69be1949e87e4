"""What people do in a workspace; each deed returns what Slack sends to the app."""

from __future__ import annotations

from typing import Any

from bot.messengers.slack import simulated_events as events
from bot.messengers.slack import simulated_interactions as interactions
from bot.messengers.slack.simulated_workspace.block_limits import elements_of
from bot.messengers.slack.simulated_workspace.records import Message, Room
from bot.messengers.slack.simulated_workspace.sightings import SightingKind
from bot.messengers.slack.simulated_workspace.workspace import SimulatedWorkspace

_SIDES = ("positive_button", "negative_button")


class People:
    """The people of a workspace. Events come back as bodies for ``signed_json``."""

    def __init__(self, workspace: SimulatedWorkspace) -> None:
        self._workspace = workspace
        self._state = workspace.state
        self._directory = workspace.directory

    def write(
        self, user: str, room_id: str, text: str, thread_ts: str = "", **fields: Any
    ) -> list[dict[str, Any]]:
        """Write a message: its event, and that of a mention; none in rooms without the bot."""
        self._directory.add_user(user)
        room = self._directory.room(room_id)
        message = Message(
            ts=self._state.new_ts(), user=user, text=text, thread_ts=thread_ts, extra=fields
        )
        self._state.add(room, message)
        self._state.show(SightingKind.POST, room, message)
        if room_id not in self._directory.joined:
            return []
        build = (events.message, events.app_mention)
        mentioned = not room.is_dm and f"<@{self._directory.bot.user_id}" in text
        return [
            self._sent(make(room_id, user, text, ts=message.ts, thread_ts=thread_ts, **fields))
            for make in build[: 2 if mentioned else 1]
        ]

    def edit(self, room_id: str, ts: str, text: str) -> dict[str, Any]:
        """Edit a message."""
        room, message = self._found(room_id, ts)
        previous = message.document()
        message.text = text
        self._state.show(SightingKind.EDIT, room, message)
        return self._sent(events.message_changed(room_id, previous, text))

    def delete(self, room_id: str, ts: str) -> dict[str, Any]:
        """Delete a message; the replies of a thread's root stay."""
        room, message = self._found(room_id, ts)
        del room.messages[ts]
        self._state.show(SightingKind.DELETE, room, message)
        return self._sent(events.message_deleted(room_id, message.document()))

    def open_app(self, user: str, tab: str = "messages") -> dict[str, Any]:
        """Open the app's tab ``messages`` or ``home``."""
        self._directory.add_user(user)
        return self._sent(events.app_home_opened(user, self._directory.dm(user).id, tab))

    def stop(self, user: str, room_id: str, thread_ts: str) -> dict[str, Any]:
        """Press Slack's stop button: Slack ends the thread's streams."""
        ended = self._workspace.streams.stop_in(room_id, thread_ts)
        return self._sent(events.agent_session_stopped(room_id, thread_ts, user, ended))

    def press(
        self, user: str, room_id: str, ts: str, action_id: str, value: str = "", url: str = ""
    ) -> dict[str, Any]:
        """Press a button of a message; of feedback buttons the side with this ``value``.

        Raises LookupError: the message shows no such button. ``url``: the response_url.
        """
        room = self._directory.room(room_id)
        message = room.ephemeral.get(ts) or self._state.message(room, ts)
        action = pressed(message.blocks, action_id, value)
        return interactions.block_actions(
            user,
            action,
            channel=room_id,
            message=message.document(with_metadata=True),
            trigger_id=self._workspace.views.new_trigger(user),
            response_url=url,
            team_id=self._workspace.team_id,
        )

    def press_in_view(self, user: str, action_id: str, value: str = "") -> dict[str, Any]:
        """Press a button of the topmost modal, or of App Home; raises LookupError."""
        views = self._workspace.views
        stack = views.modals.get(user)
        view = stack[-1] if stack else views.homes.get(user)
        if view is None:
            raise LookupError(f"{user} sees no view")
        return interactions.block_actions(
            user,
            pressed(view.content["blocks"], action_id, value),
            view=view.document(self._workspace.team_id),
            trigger_id=views.new_trigger(user),
            team_id=self._workspace.team_id,
        )

    def submit(self, user: str, values: dict[str, Any]) -> dict[str, Any]:
        """Press submit in the topmost modal, which stays until ``answer_submission``."""
        view = self._workspace.views.modals[user][-1]
        document = view.document(self._workspace.team_id)
        return interactions.view_submission(user, document, values, team_id=self._workspace.team_id)

    def answer_submission(self, user: str, answer: dict[str, Any] | None) -> dict[str, str]:
        """Apply the app's response to a submission; the errors that the modal then shows."""
        action = (answer or {}).get("response_action")
        views = self._workspace.views
        if action == "errors":
            return dict((answer or {})["errors"])
        if action == "update":
            views.replace(views.modals[user][-1], (answer or {})["view"])
        elif action == "push":
            views.open_modal(user, (answer or {})["view"])
        else:
            views.close(user, all_of_them=action == "clear")
        return {}

    def close_modal(self, user: str) -> dict[str, Any] | None:
        """Close the topmost modal; the payload where its ``notify_on_close`` is set."""
        view = self._workspace.views.modals[user][-1]
        document = view.document(self._workspace.team_id)
        self._workspace.views.close(user)
        if not view.content.get("notify_on_close"):
            return None
        return interactions.view_closed(user, document, team_id=self._workspace.team_id)

    def _found(self, room_id: str, ts: str) -> tuple[Room, Message]:
        room = self._directory.room(room_id)
        return room, self._state.message(room, ts)

    def _sent(self, event: dict[str, Any]) -> dict[str, Any]:
        bot = self._directory.bot
        return events.event_callback(
            event,
            team_id=self._workspace.team_id,
            bot_user_id=bot.user_id,
            app_id=bot.app_id,
            event_time=int(self._state.now),
        )


def pressed(blocks: list[dict[str, Any]], action_id: str, value: str = "") -> dict[str, Any]:
    """The action of pressing a button that these blocks show; raises LookupError."""
    for block in blocks:
        for element in elements_of(block):
            if element.get("action_id") != action_id:
                continue
            values = [element[side].get("value", "") for side in _SIDES if side in element]
            if values and value not in values:
                raise LookupError(f"no feedback button has the value {value!r}")
            if not values and value and element.get("value") != value:
                continue
            return interactions.button_action(element, value, str(block.get("block_id", "")))
    raise LookupError(f"no button {action_id!r}")
