"""Slack's ids, checked before they are sent back to Slack."""

from __future__ import annotations

import re
from typing import Any

from bot.messengers.parsing import joined


def slack_id(raw: object) -> str:
    """An id such as C0123, U0123 or T0123; empty for anything else."""
    return raw if isinstance(raw, str) and re.fullmatch(r"[A-Z0-9]{1,40}", raw) else ""


def message_ts(raw: object) -> str:
    """The ts of a message, its id within a channel; empty for anything else."""
    return raw if isinstance(raw, str) and re.fullmatch(r"[0-9]{1,12}\.[0-9]{6}", raw) else ""


def tenant_of(team: str, enterprise: str = "") -> str:
    """The tenant of a workspace; one of an Enterprise Grid organization names it too."""
    return joined(*([enterprise, team] if enterprise else [team]), by="/")


def known_word(raw: object) -> str:
    """A word of Slack's API for the log, such as a type; "odd" for anything made up."""
    return raw if isinstance(raw, str) and re.fullmatch(r"[a-z_]{1,60}", raw) else "odd"


def field(document: object, *path: str) -> Any:
    """The value at a path of nested objects; None where there is none."""
    for key in path:
        document = document.get(key) if isinstance(document, dict) else None
    return document
