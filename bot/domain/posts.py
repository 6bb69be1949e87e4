"""Posts: the messages of a messenger that show a turn's answer."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class PostState(StrEnum):
    """The state of one message."""

    STARTING = "starting"  #: asked for; whether the messenger shows it is not known yet
    STREAMING = "streaming"  #: shown, and growing as a stream of the messenger
    WRITING = "writing"  #: shown, and growing by edits
    FINAL = "final"  #: shows its part as the log has it


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedPost:
    """The last message of an answer, shown as the log has it."""

    part: int
    message_id: str | None  #: None: the messenger did not tell
