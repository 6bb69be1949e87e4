"""What happens in a conversation beside its turns."""

from __future__ import annotations

from enum import StrEnum


class EventKind(StrEnum):
    """The kind of an event in the log of a conversation."""

    AI_NOTICE = "ai_notice"  #: the person was told that an AI answers; with the text's version
    RESET = "reset"
    HUMAN_CALLED = "human_called"  #: the bot is silent from now on
    HUMAN_LEFT = "human_left"  #: the bot answers again
