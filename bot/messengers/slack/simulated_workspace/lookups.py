"""auth.test, users, conversations, team, reactions and blocks.validate."""

from __future__ import annotations

from typing import Any

from bot.messengers.slack.simulated_workspace.arguments import invalid
from bot.messengers.slack.simulated_workspace.block_limits import check_blocks, check_message
from bot.messengers.slack.simulated_workspace.errors import SlackError
from bot.messengers.slack.simulated_workspace.method import Call, Method
from bot.messengers.slack.simulated_workspace.records import Room
from bot.messengers.slack.simulated_workspace.state import WorkspaceState
from bot.messengers.slack.simulated_workspace.view_limits import check_view


class LookupMethods:
    """What the bot may ask about the workspace."""

    def __init__(self, state: WorkspaceState) -> None:
        self._state = state
        self._directory = state.directory

    def methods(self) -> list[Method]:
        """The methods by name."""
        rooms = ("channels:read", "groups:read", "im:read")
        user, team, react = ("users:read",), ("team:read",), ("reactions:write",)
        return [
            Method(name="auth.test", handle=self._auth_test, tier=4),
            Method(name="blocks.validate", handle=self._validate, tier=4),
            Method(name="conversations.info", handle=self._room, scopes=rooms, tier=3),
            Method(name="conversations.members", handle=self._members, scopes=rooms, tier=4),
            Method(name="conversations.open", handle=self._open, scopes=("im:write",), tier=3),
            Method(name="users.info", handle=self._user, scopes=user, tier=4),
            Method(name="team.info", handle=self._team, scopes=team, tier=3),
            Method(name="reactions.add", handle=self._react, scopes=react, tier=3),
        ]

    def _auth_test(self, _call: Call) -> dict[str, Any]:
        bot = self._directory.bot
        return {
            "url": f"https://{self._domain}.slack.com/",
            "team": self._domain,
            "team_id": self._state.team_id,
            "user": bot.name,
            "user_id": bot.user_id,
            "bot_id": bot.bot_id,
            "is_enterprise_install": False,
        }

    def _validate(self, call: Call) -> dict[str, Any]:
        arguments = call.arguments
        given = [name for name in ("blocks", "message", "view") if arguments.values.get(name)]
        if len(given) != 1:
            raise invalid("exactly one of blocks, message or view")
        if given == ["blocks"]:
            check_blocks(arguments.items("blocks"), self._state.rules)
        elif given == ["message"]:
            check_message(arguments.object("message") or {}, self._state.rules)
        else:
            view = arguments.object("view") or {}
            check_view(view, str(view.get("type")))
        return {}

    def _room(self, call: Call) -> dict[str, Any]:
        room = self._known(call.arguments.required("channel"))
        is_member = room.id in self._directory.joined
        kind = {"is_im": room.is_dm, "is_private": room.is_private, "is_member": is_member}
        document: dict[str, Any] = {
            "id": room.id,
            "is_channel": not room.is_private,
            "is_archived": room.id in self._directory.archived,
            **kind,
        }
        if room.is_dm:
            return {"channel": {**document, "user": next(iter(room.members), "")}}
        return {"channel": {**document, "name": room.name}}

    def _members(self, call: Call) -> dict[str, Any]:
        room = self._known(call.arguments.required("channel"))
        bot = {self._directory.bot.user_id} if room.id in self._directory.joined else set()
        return {"members": sorted(room.members | bot), "response_metadata": {"next_cursor": ""}}

    def _known(self, room_id: str) -> Room:
        room = self._directory.room(room_id)
        if room.is_private and room.id not in self._directory.joined:
            raise SlackError("channel_not_found")
        return room

    def _open(self, call: Call) -> dict[str, Any]:
        users = call.arguments.required("users")
        if users not in self._directory.users:
            raise SlackError("user_not_found")
        return {"channel": {"id": self._directory.dm(users).id}}

    def _user(self, call: Call) -> dict[str, Any]:
        user = self._directory.users.get(call.arguments.required("user"))
        if user is None:
            raise SlackError("user_not_found")
        return {"user": user.document(self._state.team_id)}

    def _team(self, _call: Call) -> dict[str, Any]:
        return {"team": {"id": self._state.team_id, "name": self._domain, "domain": self._domain}}

    def _react(self, call: Call) -> dict[str, Any]:
        arguments = call.arguments
        room = self._directory.for_writing(arguments.required("channel"))
        message = self._state.message(room, arguments.required("timestamp"))
        people = message.reactions.setdefault(arguments.required("name"), set())
        if self._directory.bot.user_id in people:
            raise SlackError("already_reacted")
        people.add(self._directory.bot.user_id)
        return {}

    @property
    def _domain(self) -> str:
        return f"{self._directory.bot.name}-demo"
