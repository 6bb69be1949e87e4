"""What a comparison of something old with something new may say."""

from __future__ import annotations

from enum import StrEnum


class Verdict(StrEnum):
    """Whether the new one is better; what is not certain is not said."""

    BETTER = "better"
    WORSE = "worse"
    CANNOT_TELL = "cannot_tell"
