"""What the Slack stand-in received."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from fakes.faults import Fault


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackPost:
    """One message posted to a response URL or by chat.postMessage, right or wrong."""

    path_qs: str  #: as it came over the wire, byte for byte
    body: bytes
    message: dict[str, Any]  #: the body, read; empty where it was not a JSON object or a form
    error: str  #: Slack's error code, "" where it was taken
    fault: Fault | None
    shown: bool  #: whether people see it
    channel: str = ""  #: by chat.postMessage: where
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
    turns: tuple[str, ...]  #: the turns that the messages given out name
    at: float = field(default_factory=time.monotonic)
