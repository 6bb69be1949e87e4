"""The channels of the Slack stand-in's own workspace: a short way to what its bot may do."""

from __future__ import annotations

from typing import Any

from bot.messengers.slack.simulated_workspace.records import Message, Token
from bot.messengers.slack.simulated_workspace.workspace import SimulatedWorkspace

#: Without those of the newer surfaces: a test adds what it needs.
SCOPES = ("commands", "chat:write", "channels:history", "groups:history")


class SlackChannels:
    """Channels with their messages; the bot needs to be in a channel, and a scope."""

    def __init__(self, workspace: SimulatedWorkspace) -> None:
        self._workspace = workspace
        self._token = Token(scopes={*SCOPES})
        workspace.directory.open = True
        workspace.tokens.any = self._token

    @property
    def scopes(self) -> set[str]:
        """Of every bot token that the workspace has not been told of."""
        return self._token.scopes

    @scopes.setter
    def scopes(self, scopes: set[str]) -> None:
        self._token.scopes = scopes

    @property
    def joined(self) -> set[str]:
        """The channels that the bot is in."""
        return self._workspace.directory.joined

    @property
    def archived(self) -> set[str]:
        """The channels that take no messages."""
        return self._workspace.directory.archived

    @property
    def page_size(self) -> int:
        """The largest page of a history."""
        return self._workspace.rules.page_size

    @page_size.setter
    def page_size(self, size: int) -> None:
        self._workspace.rules.page_size = size

    @property
    def shows_metadata(self) -> bool:
        """Whether histories hold metadata when asked for it."""
        return self._workspace.rules.shows_metadata

    @shows_metadata.setter
    def shows_metadata(self, shows: bool) -> None:
        self._workspace.rules.shows_metadata = shows

    def join(self, *channels: str) -> None:
        """Let the bot into these channels."""
        for channel in channels:
            self._workspace.directory.add_room(channel)
        self.joined.update(channels)

    def say(self, channel: str, text: str, **fields: Any) -> str:
        """Add a message to a channel; its ts, which is later than every other."""
        state = self._workspace.state
        own = {name: fields.pop(name) for name in _FIELDS if name in fields}
        message = Message(ts=state.new_ts(), text=text, extra=fields, **{"user": "", **own})
        state.add(self._workspace.directory.room(channel), message)
        return message.ts


_FIELDS = ("user", "bot_id", "app_id", "thread_ts", "subtype", "blocks", "metadata")
