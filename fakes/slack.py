"""Slack's platform on a real port: the host of response URLs and a part of the Web API.

    async with slack_platform() as slack:
        body, headers = signed_command(secret, "안녕", response_url=slack.new_response_url())
        ...
        post = await slack.next_post()
        assert post.markdown == "**안녕하세요**"

The bot must allow ``slack.origin`` (BOT_SLACK_RESPONSE_HOSTS) and call ``slack.api_url``. It posts
and reads only in channels that it has joined, with the scopes that it has:

    slack.channels.join("C1")
    slack.channels.scopes.discard("channels:history")
"""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
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
from fakes.faults import MAX_URLS, Arrivals, Fault, Faults, serving
from fakes.slack_channels import SlackChannels
from fakes.slack_records import SlackPost, SlackReading

__all__ = [
    "Fault",
    "SlackPlatform",
    "SlackPost",
    "SlackReading",
    "signed_command",
    "slack_platform",
]


class SlackPlatform:
    """Issued response URLs, all posts, and the channels."""

    def __init__(self, lifetime_s: float = RESPONSE_URL_LIFETIME_S) -> None:
        self.origin = ""  #: set when it serves
        self.posts: list[SlackPost] = []  #: to response URLs
        self.messages: list[SlackPost] = []  #: by chat.postMessage
        self.readings: list[SlackReading] = []
        self.channels = SlackChannels()
        self.faults = Faults()  #: of all posts
        self.refusal_of_blocks = ""  #: the error code for every message with blocks
        self.max_text_chars = 40_000
        self.history_faults = Faults()
        self._urls: ExpiringUrls[None] = ExpiringUrls(
            lifetime_s=lifetime_s, uses=RESPONSE_URL_USES, capacity=MAX_URLS
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

    @property
    def shown(self) -> list[SlackPost]:
        """The posts to response URLs that are visible."""
        return [post for post in self.posts if post.shown]

    @property
    def seen(self) -> list[SlackPost]:
        """The posts by chat.postMessage that are visible."""
        return [post for post in self.messages if post.shown]

    async def next_post(self, count: int = 1, timeout_s: float = 30.0) -> SlackPost:
        """Wait for the ``count``-th post to a response URL."""
        await self._arrivals.until(lambda: len(self.posts) >= count, timeout_s)
        return self.posts[count - 1]

    async def next_message(self, count: int = 1, timeout_s: float = 30.0) -> SlackPost:
        """Wait for the ``count``-th post by chat.postMessage."""
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

    async def next_reading(self, count: int = 1, timeout_s: float = 30.0) -> SlackReading:
        """Wait for the ``count``-th call of conversations.history."""
        await self._arrivals.until(lambda: len(self.readings) >= count, timeout_s)
        return self.readings[count - 1]

    async def post_message(self, request: web.Request) -> web.Response:
        """chat.postMessage: HTTP 200 unless a fault says otherwise; ``ok`` tells success."""
        fault = self.faults.take()
        channel = str((await _message(request, await request.read())).get("channel", ""))
        closed = self.channels.refusal(request, channel, "chat:write")
        post = await self._read(request, fault, self._failed(fault) or closed, channel)
        self.messages.append(post)
        answer: dict[str, Any] = {"ok": False, "error": post.error}
        if not post.error:
            kept = {key: post.message[key] for key in _KEPT if key in post.message}
            ts = self.channels.say(channel, **kept, **_OURS)
            answer = {"ok": True, "channel": channel, "ts": ts, "message": {**kept, **_OURS}}
        await self._arrivals.note()
        if fault in _REFUSALS:
            return self._refuse(fault, self.faults)
        return await self.faults.answer(fault, request, web.json_response(answer))

    async def history(self, request: web.Request) -> web.Response:
        """conversations.history: newest first, in pages, between two times."""
        fault = self.history_faults.take()
        asked = await _message(request, await request.read())
        channel = str(asked.get("channel", ""))
        kind = "groups:history" if channel.startswith("G") else "channels:history"
        error = self._failed(fault) or self.channels.refusal(request, channel, kind)
        document: dict[str, Any] = {"ok": False, "error": error}
        if not error:
            document = self.channels.page(channel, asked)
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
            if self.refusal_of_blocks and message.get("blocks"):
                error = error or self.refusal_of_blocks
            if len(str(message.get("text", ""))) > self.max_text_chars:
                error = error or "msg_too_long"
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


#: The fields of a message in a history, and those of every message of the bot.
_KEPT = ("text", "blocks", "metadata")
_NESTED = ("blocks", "metadata")
_OURS = {"bot_id": "B0BLLOSSOM", "app_id": "A0BLLOSSOM", "user": "U0BLLOSSOM"}
_REFUSALS = {Fault.SERVER_ERROR, Fault.RATE_LIMITED}


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
    app.router.add_post("/api/auth.test", platform.channels.auth_test)
    app.router.add_post("/api/chat.postMessage", platform.post_message)
    app.router.add_route("*", "/api/conversations.history", platform.history)
    app.router.add_post("/{path:.*}", platform.receive_response)
    async with serving(app, platform.faults.close) as origin:
        platform.origin = origin
        yield platform
