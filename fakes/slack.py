"""Slack's side of the wire, on a real port: the host of the response URLs, and some of the Web API.

    async with slack_platform() as slack:
        body, headers = signed_command(secret, "안녕", response_url=slack.new_response_url())
        ...
        post = await slack.next_post()
        assert post.markdown == "**안녕하세요**"

The bot must allow ``slack.origin`` (BOT_SLACK_RESPONSE_HOSTS) and call ``slack.api_url``. It posts
and reads only in the channels that it joined, with the scopes that it has:

    slack.join("C1")
    slack.scopes.discard("channels:history")
"""

from __future__ import annotations

import json
import secrets
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from bot.messengers.slack.platform_limits import (
    RESPONSE_URL_LIFETIME_S,
    RESPONSE_URL_USES,
    check_slack_message,
)
from bot.messengers.slack.simulated_requests import TEAM_ID, signed_command
from bot.simulator.expiring_urls import ExpiredUrlError, ExpiringUrls, UsedUrlError
from bot.simulator.limits import LimitError
from fakes.faults import MAX_ADDRESSES, Arrivals, Fault, Faults, serving

__all__ = ["Fault", "SlackPlatform", "SlackPost", "signed_command", "slack_platform"]


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


class SlackPlatform:
    """Response URLs given out, everything that was posted, and the channels the bot is in."""

    def __init__(self, lifetime_s: float = RESPONSE_URL_LIFETIME_S) -> None:
        self.origin = ""  #: set when it serves
        self.posts: list[SlackPost] = []  #: to response URLs
        self.messages: list[SlackPost] = []  #: by chat.postMessage
        self.readings: list[SlackReading] = []
        self.scopes = {"commands", "chat:write", "channels:history", "groups:history"}
        self.joined: set[str] = set()
        self.archived: set[str] = set()
        self.page_size = 100  #: the most that a page of a history holds
        self.shows_metadata = True
        self.faults = Faults()  #: of everything that is posted
        self.history_faults = Faults()
        self._channels: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self._last_ts = 0
        self._urls: ExpiringUrls[None] = ExpiringUrls(
            lifetime_s=lifetime_s, uses=RESPONSE_URL_USES, capacity=MAX_ADDRESSES
        )
        self._arrivals = Arrivals()

    @property
    def api_url(self) -> str:
        """For BOT_SLACK_API_URL."""
        return f"{self.origin}/api/"

    def new_response_url(self) -> str:
        """A URL good for five posts within 30 minutes."""
        path = f"/commands/{TEAM_ID}/{secrets.randbelow(10**13)}/{secrets.token_urlsafe(18)}"
        self._urls.issue(None, path)
        return self.origin + path

    def join(self, *channels: str) -> None:
        """Let the bot into these channels."""
        self.joined |= {*channels}

    def say(self, channel: str, text: str, **fields: Any) -> str:
        """Put a message into a channel; its ts, which is later than any before."""
        self._last_ts = max(self._last_ts + 1, time.time_ns() // 1000)
        ts = f"{self._last_ts // 10**6}.{self._last_ts % 10**6:06d}"
        self._channels[channel].append({"type": "message", "ts": ts, "text": text, **fields})
        return ts

    @property
    def shown(self) -> list[SlackPost]:
        """The posts to response URLs that people see."""
        return [post for post in self.posts if post.shown]

    @property
    def seen(self) -> list[SlackPost]:
        """The messages by chat.postMessage that people see."""
        return [post for post in self.messages if post.shown]

    async def next_post(self, count: int = 1, timeout_s: float = 10.0) -> SlackPost:
        """Wait until ``count`` posts to response URLs have come in all; the newest of them."""
        await self._arrivals.until(lambda: len(self.posts) >= count, timeout_s)
        return self.posts[count - 1]

    async def next_message(self, count: int = 1, timeout_s: float = 10.0) -> SlackPost:
        """Wait until ``count`` messages came by chat.postMessage; the newest of them."""
        await self._arrivals.until(lambda: len(self.messages) >= count, timeout_s)
        return self.messages[count - 1]

    async def receive_response(self, request: web.Request) -> web.Response:
        """A POST to a response URL: "ok", or a status with a JSON error."""
        fault = self.faults.take()
        error = self._failed(fault) or self._unusable(request.raw_path)
        post = await self._read(request, fault, error)
        self.posts.append(post)
        await self._arrivals.note()
        if fault in _REFUSALS:
            return self._refuse(fault, self.faults)
        if post.error:
            status = 404 if post.error in {"used_url", "expired_url"} else 400
            refusal = web.json_response({"ok": False, "error": post.error}, status=status)
            return await self.faults.answer(fault, request, refusal)
        return await self.faults.answer(fault, request, web.Response(text="ok"))

    async def next_reading(self, count: int = 1, timeout_s: float = 10.0) -> SlackReading:
        """Wait until histories were read ``count`` times in all; the newest of them."""
        await self._arrivals.until(lambda: len(self.readings) >= count, timeout_s)
        return self.readings[count - 1]

    async def post_message(self, request: web.Request) -> web.Response:
        """chat.postMessage: always 200 unless rate-limited or broken; ``ok`` says the rest."""
        fault = self.faults.take()
        channel = str((await _message(request, await request.read())).get("channel", ""))
        closed = self._closed(request, channel, "chat:write")
        post = await self._read(request, fault, self._failed(fault) or closed, channel)
        self.messages.append(post)
        answer: dict[str, Any] = {"ok": False, "error": post.error}
        if not post.error:
            kept = {key: post.message[key] for key in _KEPT if key in post.message}
            ts = self.say(channel, **kept, **_OURS)
            answer = {"ok": True, "channel": channel, "ts": ts, "message": {**kept, **_OURS}}
        await self._arrivals.note()
        if fault in _REFUSALS:
            return self._refuse(fault, self.faults)
        return await self.faults.answer(fault, request, web.json_response(answer))

    async def history(self, request: web.Request) -> web.Response:
        """conversations.history: the newest first, by pages, between two times."""
        fault = self.history_faults.take()
        asked = await _message(request, await request.read())
        channel = str(asked.get("channel", ""))
        kind = "groups:history" if channel.startswith("G") else "channels:history"
        error = self._failed(fault) or self._closed(request, channel, kind)
        document: dict[str, Any] = {"ok": False, "error": error}
        if not error:
            document = self._page(channel, asked)
        turns = tuple(
            message["metadata"].get("event_payload", {}).get("turn_id", "")
            for message in document.get("messages", [])
            if "metadata" in message
        )
        self.readings.append(SlackReading(channel=channel, error=error, fault=fault, turns=turns))
        await self._arrivals.note()
        if fault in _REFUSALS:
            return self._refuse(fault, self.history_faults)
        return await self.history_faults.answer(fault, request, web.json_response(document))

    def _closed(self, request: web.Request, channel: str, scope: str) -> str:
        """Why the bot may not do it there, in Slack's word."""
        if unauthorised := _unauthorised(request):
            return unauthorised
        if scope not in self.scopes:
            return "missing_scope"
        if channel in self.archived and scope == "chat:write":
            return "is_archived"
        return "" if channel in self.joined else "not_in_channel"

    def _page(self, channel: str, asked: dict[str, Any]) -> dict[str, Any]:
        oldest, latest = _ts(asked.get("oldest", "0")), _ts(asked.get("latest", "9" * 10))
        edge = 0 if asked.get("inclusive") in (True, "true", "1") else 1
        told = [
            message
            for message in reversed(self._channels[channel])
            if oldest + edge <= _ts(message["ts"]) <= latest - edge
        ]
        if asked.get("include_all_metadata") not in (True, "true", "1") or not self.shows_metadata:
            told = [{k: v for k, v in message.items() if k != "metadata"} for message in told]
        begins = int(asked.get("cursor") or 0)
        ends = begins + min(int(asked.get("limit", 100)), self.page_size)
        more = ends < len(told)
        further = {"response_metadata": {"next_cursor": str(ends)}} if more else {}
        return {"ok": True, "messages": told[begins:ends], "has_more": more, **further}

    async def auth_test(self, request: web.Request) -> web.Response:
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

    def _failed(self, fault: Fault | None) -> str:
        return "not_taken" if fault in {*_REFUSALS, Fault.DROPPED} else ""

    def _unusable(self, path: str) -> str:
        try:
            self._urls.use(path)
        except UsedUrlError:
            return "used_url"
        except ExpiredUrlError:
            return "expired_url"
        except LookupError:
            return "invalid_url"
        return ""

    async def _read(
        self, request: web.Request, fault: Fault | None, error: str, channel: str = ""
    ) -> SlackPost:
        body = await request.read()
        message: dict[str, Any] = {}
        try:
            message = await _message(request, body)
            check_slack_message(message)
        except LimitError as refused:
            error = error or refused.code
        except ValueError:
            error = error or "invalid_payload"
        return SlackPost(
            path_qs=request.raw_path,
            body=body,
            message=message,
            error=error,
            fault=fault,
            shown=not error,
            channel=channel,
        )

    def _refuse(self, fault: Fault | None, faults: Faults) -> web.Response:
        if fault is Fault.RATE_LIMITED:
            return web.json_response(
                {"ok": False, "error": "ratelimited"},
                status=429,
                headers={"Retry-After": str(faults.retry_after_s)},
            )
        return web.Response(status=500, text="internal error")


#: What a history gives back of a message, and what it says of every message of the bot.
_KEPT = ("text", "blocks", "metadata")
_NESTED = ("blocks", "metadata")
_OURS = {"bot_id": "B0BLLOSSOM", "app_id": "A0BLLOSSOM", "user": "U0BLLOSSOM"}
_REFUSALS = {Fault.SERVER_ERROR, Fault.RATE_LIMITED}


def _unauthorised(request: web.Request) -> str:
    bearer = request.headers.get("Authorization", "")
    return "" if bearer.startswith("Bearer xoxb-") else "not_authed"


def _ts(raw: str) -> int:
    """A ts in microseconds: as a float it would lose the last of them."""
    seconds, _, fraction = raw.partition(".")
    return int(seconds) * 10**6 + int(fraction.ljust(6, "0")[:6])


async def _message(request: web.Request, body: bytes) -> dict[str, Any]:
    if request.method == "GET":
        return dict(request.query)
    if request.content_type == "application/x-www-form-urlencoded":
        form = {key: str(value) for key, value in (await request.post()).items()}
        nested: dict[str, Any] = {
            key: json.loads(form[key]) for key in ("blocks", "metadata") if key in form
        }
        return form | nested
    message = json.loads(body)
    if not isinstance(message, dict):
        raise ValueError("not an object")
    return message


@asynccontextmanager
async def slack_platform(
    lifetime_s: float = RESPONSE_URL_LIFETIME_S,
) -> AsyncIterator[SlackPlatform]:
    """The host of response URLs and of ``/api/``, serving."""
    platform = SlackPlatform(lifetime_s)
    app = web.Application()
    app.router.add_post("/api/auth.test", platform.auth_test)
    app.router.add_post("/api/chat.postMessage", platform.post_message)
    app.router.add_route("*", "/api/conversations.history", platform.history)
    app.router.add_post("/{path:.*}", platform.receive_response)
    async with serving(app, platform.faults.close) as origin:
        platform.origin = origin
        yield platform
