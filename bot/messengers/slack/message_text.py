"""The text of a Slack message as a person reads it: entities, mentions and links resolved."""

from __future__ import annotations

import re

#: <@U1>, <@U1|name>, <#C1|name>, <!here>, <!subteam^S1|name>, <https://x|label>.
_TOKEN = re.compile(r"<([@#!]?)([^<>|\s]*)(?:\|([^<>]*))?>")


def readable(raw: str, *, bot_user: str = "") -> str:
    """The text without the mention of the bot, and with everything else in its place.

    Slack escapes exactly &, < and >; the ampersand is resolved last: "&amp;lt;" is not "<".
    """

    def resolve(token: re.Match[str]) -> str:
        kind, name, label = token[1], token[2], token[3]
        if kind == "@" and name == bot_user:
            return ""
        if kind:
            return f"{'@' if kind == '!' else kind}{label or name.lstrip('^')}"
        return f"{label} ({name})" if label and label not in name else name

    text = _TOKEN.sub(resolve, raw)
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&").strip()


def mentions(raw: str, user: str) -> bool:
    """Whether the text mentions the user."""
    return bool(user) and re.search(rf"<@{re.escape(user)}(?:\||>)", raw) is not None


def first_mentioned(raw: str) -> str:
    """The user whose mention begins the text; empty where it begins otherwise."""
    found = re.match(r"\s*<@([A-Z0-9]{1,40})(?:\||>)", raw)
    return found[1] if found else ""


def mentions_anybody(raw: str) -> bool:
    """Whether the text mentions any person: then it is hardly for the bot."""
    return re.search(r"<@[A-Z0-9]+(?:\||>)", raw) is not None
