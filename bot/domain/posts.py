"""Posts: the messages of a messenger that show a turn's answer."""

from __future__ import annotations

from enum import StrEnum


class PostState(StrEnum):
    """The state of one message."""

    STARTING = "starting"  #: asked for; whether the messenger shows it is not known yet
    STREAMING = "streaming"  #: shown, and growing as a stream of the messenger
    WRITING = "writing"  #: shown, and growing by edits
    FINAL = "final"  #: shows its part as the log has it
