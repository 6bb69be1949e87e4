"""The part of a growing text that may be shown: its beginning never changes later."""

from __future__ import annotations

import re

from bot.messengers.slack.blocks import defused

#: The beginning of a mention that is not whole yet: "<", "&lt", "&#0060", "&lt;!-".
_OPEN = re.compile(
    r"(?:<|&lt;|&#[x0-9c]{1,8};)!(?:-|d[octype]{0,6})?$|(?:<|&[#a-z0-9]{0,8};?)$", re.IGNORECASE
)
#: The longest of them.
_OPEN_CHARS = 20
#: The next code point becomes a part of the letter before it.
_JOINER = "\u200d"


def visible(text: str) -> str:
    """The text without an end that the next characters may turn into something else."""
    shown = text
    if found := _OPEN.search(shown[-_OPEN_CHARS:]):
        shown = shown[: len(shown) - len(found[0])]
    return defused(shown.rstrip(_JOINER))
