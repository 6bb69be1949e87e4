"""A workspace of Slack with this app installed, in memory.

workspace = SimulatedWorkspace()
workspace.tokens.add("xoxb-1")
workspace.directory.add_room("C1", "general", "U1")
workspace.directory.joined.add("C1")
reply = workspace.call("chat.postMessage", {"channel": "C1", "text": "안녕"}, "xoxb-1")
assert workspace.screen("U1", "C1") == {reply.document["ts"]: "안녕"}
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from bot.messengers.slack.simulated_requests import TEAM_ID
from bot.messengers.slack.simulated_workspace.agents import AgentMethods
from bot.messengers.slack.simulated_workspace.arguments import Arguments
from bot.messengers.slack.simulated_workspace.directory import Directory
from bot.messengers.slack.simulated_workspace.errors import RateLimitedError, SlackError
from bot.messengers.slack.simulated_workspace.history import HistoryMethods
from bot.messengers.slack.simulated_workspace.lookups import LookupMethods
from bot.messengers.slack.simulated_workspace.messages import MessageMethods
from bot.messengers.slack.simulated_workspace.method import ApiReply, Call, Method
from bot.messengers.slack.simulated_workspace.rate_limits import RateLimits
from bot.messengers.slack.simulated_workspace.records import BotIdentity
from bot.messengers.slack.simulated_workspace.rules import WorkspaceRules
from bot.messengers.slack.simulated_workspace.sightings import Sighting
from bot.messengers.slack.simulated_workspace.state import WorkspaceState
from bot.messengers.slack.simulated_workspace.streams import StreamMethods
from bot.messengers.slack.simulated_workspace.surfaces import Surfaces
from bot.messengers.slack.simulated_workspace.tokens import Tokens, require_scope
from bot.messengers.slack.simulated_workspace.views import ViewMethods


class SimulatedWorkspace:
    """The Web API of one workspace, and what its people see.

    ``clock``: Unix seconds. Register further methods with ``add_method``.
    """

    def __init__(
        self,
        team_id: str = TEAM_ID,
        *,
        bot: BotIdentity | None = None,
        rules: WorkspaceRules | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.tokens = Tokens()
        rules = rules or WorkspaceRules()
        directory = Directory(bot=bot or BotIdentity())
        self.state = WorkspaceState(team_id, rules, directory, clock)
        self.surfaces = Surfaces(self.state)
        self.streams = StreamMethods(self.state, self.surfaces)
        self.views = ViewMethods(self.state)
        self._limits = RateLimits(clock)
        parts = (
            self.streams,
            self.views,
            MessageMethods(self.state, self.surfaces),
            HistoryMethods(self.state),
            AgentMethods(self.state, self.surfaces),
            LookupMethods(self.state),
        )
        self._methods = {method.name: method for part in parts for method in part.methods()}

    @property
    def team_id(self) -> str:
        """The workspace's id."""
        return self.state.team_id

    @property
    def rules(self) -> WorkspaceRules:
        """What differs from Slack's defaults here."""
        return self.state.rules

    @property
    def directory(self) -> Directory:
        """People and rooms."""
        return self.state.directory

    def add_method(self, method: Method) -> None:
        """Serve a further method, or serve one differently."""
        self._methods[method.name] = method

    def call(self, name: str, values: Mapping[str, Any], token: str) -> ApiReply:
        """Answer a call as Slack does: HTTP 200, or 429 with Retry-After."""
        self.streams.expire()
        try:
            return self._answer(name, Arguments(values), token)
        except RateLimitedError as limited:
            headers = {"Retry-After": str(limited.retry_after_s)}
            return ApiReply(document=limited.document(), status=429, headers=headers)
        except SlackError as refused:
            return ApiReply(document=refused.document())

    def seen(self, person: str, room_id: str, thread_ts: str | None = None) -> list[Sighting]:
        """What a person saw in a room or thread, in order; nothing where they are not in it."""
        self.streams.expire()
        room = self.directory.rooms.get(room_id)
        if room is None or not self.directory.sees(person, room):
            return []
        return self.state.sightings.of(person, room_id, thread_ts)

    def screen(self, person: str, room_id: str, thread_ts: str | None = None) -> dict[str, str]:
        """The texts that a person sees now in a room or thread, by the messages' ts."""
        if not self.seen(person, room_id, thread_ts):
            return {}
        return self.state.sightings.screen(person, room_id, thread_ts)

    def _answer(self, name: str, arguments: Arguments, token: str) -> ApiReply:
        method = self._methods.get(name)
        if method is None:
            raise SlackError("unknown_method", req_method=name)
        authorised = self.tokens.authorise(token)
        if method.scopes:
            require_scope(authorised, *method.scopes)
        if self.rules.rate_limited:
            channel = str(arguments.values.get("channel", ""))
            self._limits.spend(name, method.tier, channel)
        fields = method.handle(Call(arguments=arguments, token=authorised))
        headers = {"x-oauth-scopes": ",".join(sorted(authorised.scopes))}
        return ApiReply(document={"ok": True, **fields}, headers=headers)
