"""A workspace with a channel, a direct message and a clock that tests turn."""

from __future__ import annotations

from typing import Any

import pytest

from bot.messengers.slack.simulated_workspace.people import People
from bot.messengers.slack.simulated_workspace.records import BOT_SCOPES
from bot.messengers.slack.simulated_workspace.workspace import SimulatedWorkspace

#: Of methods that the bot does not call.
FURTHER_SCOPES = (
    *("channels:read", "groups:read", "im:read", "im:write"),
    *("reactions:write", "team:read", "files:read"),
)
TOKEN = "xoxb-1"
CHANNEL, PERSON, OTHER = "C1", "U1", "U2"


class Room:
    """The workspace as a test calls it: by the bot's token."""

    def __init__(self) -> None:
        self.now = 1_764_150_000.0
        self.workspace = SimulatedWorkspace(clock=lambda: self.now)
        self.token = self.workspace.tokens.add(TOKEN, *BOT_SCOPES, *FURTHER_SCOPES)
        self.people = People(self.workspace)
        directory = self.workspace.directory
        directory.add_room(CHANNEL, "general", PERSON, OTHER)
        directory.joined.add(CHANNEL)
        self.dm = directory.dm(PERSON).id

    def call(self, method: str, **arguments: Any) -> dict[str, Any]:
        return self.workspace.call(method, arguments, TOKEN).document

    def done(self, method: str, **arguments: Any) -> dict[str, Any]:
        """A call that succeeds."""
        document = self.call(method, **arguments)
        assert document["ok"], document
        return document

    def ask(self, channel: str = CHANNEL, text: str = "질문") -> str:
        """A person's message; its ts."""
        events = self.people.write(PERSON, channel, text)
        return str(events[0]["event"]["ts"])

    def stream(self, channel: str, **arguments: Any) -> str:
        """A stream's ts."""
        to = {"recipient_user_id": PERSON, "recipient_team_id": self.workspace.team_id}
        asked = self.ask(channel)
        document = self.done(
            "chat.startStream", channel=channel, thread_ts=asked, **{**to, **arguments}
        )
        return str(document["ts"])


@pytest.fixture
def slack() -> Room:
    return Room()
