"""The channels of the Slack stand-in: their messages, and what the bot may do in them."""

from __future__ import annotations

import time
from collections import defaultdict
from typing import Any

from aiohttp import web

from bot.messengers.slack.simulated_requests import TEAM_ID


class SlackChannels:
    """Channels with their messages; the bot needs to be in a channel, and a scope."""

    def __init__(self) -> None:
        self.scopes = {"commands", "chat:write", "channels:history", "groups:history"}
        self.joined: set[str] = set()
        self.archived: set[str] = set()
        self.page_size = 100  #: the largest page of a history
        self.shows_metadata = True
        self._messages: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self._last_ts = 0

    def join(self, *channels: str) -> None:
        """Let the bot into these channels."""
        self.joined |= {*channels}

    def say(self, channel: str, text: str, **fields: Any) -> str:
        """Add a message to a channel; its ts, which is later than every other."""
        self._last_ts = max(self._last_ts + 1, time.time_ns() // 1000)
        ts = f"{self._last_ts // 10**6}.{self._last_ts % 10**6:06d}"
        self._messages[channel].append({"type": "message", "ts": ts, "text": text, **fields})
        return ts

    def refusal(self, request: web.Request, channel: str, scope: str) -> str:
        """Slack's error code for what the bot may not do there, or ""."""
        if error := _unauthorised(request):
            return error
        if scope not in self.scopes:
            return "missing_scope"
        if channel in self.archived and scope == "chat:write":
            return "is_archived"
        return "" if channel in self.joined else "not_in_channel"

    def page(self, channel: str, query: dict[str, Any]) -> dict[str, Any]:
        """The response of conversations.history."""
        oldest, latest = _ts(query.get("oldest", "0")), _ts(query.get("latest", "9" * 10))
        edge = 0 if query.get("inclusive") in (True, "true", "1") else 1
        found = [
            message
            for message in reversed(self._messages[channel])
            if oldest + edge <= _ts(message["ts"]) <= latest - edge
        ]
        if query.get("include_all_metadata") not in (True, "true", "1") or not self.shows_metadata:
            found = [{k: v for k, v in message.items() if k != "metadata"} for message in found]
        begin = int(query.get("cursor") or 0)
        end = begin + min(int(query.get("limit", 100)), self.page_size)
        more = end < len(found)
        further = {"response_metadata": {"next_cursor": str(end)}} if more else {}
        return {"ok": True, "messages": found[begin:end], "has_more": more, **further}

    async def auth_test(self, request: web.Request) -> web.Response:
        """auth.test: the bot's identity, with its scopes in a header."""
        if error := _unauthorised(request):
            return web.json_response({"ok": False, "error": error})
        return web.json_response(
            headers={"x-oauth-scopes": ",".join(sorted(self.scopes))},
            data={
                "ok": True,
                "url": "https://bllossom-demo.slack.com/",
                "team": "bllossom-demo",
                "team_id": TEAM_ID,
                "user": "bllossom",
                "user_id": "U0BLLOSSOM",
                "bot_id": "B0BLLOSSOM",
            },
        )


def _unauthorised(request: web.Request) -> str:
    """Slack's error code for a request without a bot token, or ""."""
    bearer = request.headers.get("Authorization", "")
    return "" if bearer.startswith("Bearer xoxb-") else "not_authed"


def _ts(raw: str) -> int:
    """A ts in microseconds; a float would lose precision."""
    seconds, _, fraction = raw.partition(".")
    return int(seconds) * 10**6 + int(fraction.ljust(6, "0")[:6])
