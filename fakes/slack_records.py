"""What the Slack stand-in received."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from fakes.faults import Fault


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackPost:
    """One post to a response URL or by chat.postMessage, valid or not."""

    path_qs: str  #: as received, byte for byte
    body: bytes
    message: dict[str, Any]  #: the parsed body; empty if it was neither a JSON object nor a form
    error: str  #: Slack's error code, "" if it was accepted
    fault: Fault | None
    shown: bool  #: whether it is visible to people
    channel: str = ""  #: of chat.postMessage
    at: float = field(default_factory=time.monotonic)

    @property
    def text(self) -> str:
        return str(self.message.get("text", ""))

    @property
    def blocks(self) -> list[dict[str, Any]]:
        return list(self.message.get("blocks") or [])

    @property
    def markdown(self) -> str:
        """The texts of the markdown blocks, joined."""
        return "".join(b["text"] for b in self.blocks if b["type"] == "markdown")


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackReading:
    """One call of conversations.history."""

    channel: str
    error: str
    fault: Fault | None
    turns: tuple[str, ...]  #: the turns in the metadata of the returned messages
    at: float = field(default_factory=time.monotonic)


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackCall:
    """One call of the Web API, of any method."""

    method: str
    team_id: str  #: the token's workspace
    arguments: dict[str, Any]
    document: dict[str, Any]  #: the response, also where a fault kept it from the caller
    fault: Fault | None
    token: str = ""  #: the caller's
    at: float = field(default_factory=time.monotonic)

    @property
    def error(self) -> str:
        """Slack's error code, "" if the call had its effect."""
        return str(self.document.get("error", ""))
