"""Slack's platform on a real port: the host of response URLs and the Web API.

    async with slack_platform() as slack:
        body, headers = signed_command(secret, "안녕", response_url=slack.new_response_url())
        ...
        post = await slack.next_post()
        assert post.markdown == "**안녕하세요**"

The bot must allow ``slack.origin`` (BOT_SLACK_RESPONSE_HOSTS) and call ``slack.api_url``. It posts
and reads only in channels that it has joined, with the scopes that it has:

    slack.channels.join("C1")
    slack.channels.scopes.discard("channels:history")

``slack.workspace`` is what the Web API works on (bot/messengers/slack/simulated_workspace);
``slack.people`` write, press and stop there; further workspaces have tokens of their own:

    [event] = slack.people.write("U1", slack.workspace.directory.dm("U1").id, "안녕")
    ...
    call = await slack.web_api.next_call("chat.stopStream")
    assert slack.workspace.screen("U1", "DU1") == {...}
    slack.web_api.faults["chat.appendStream"].once(Fault.CUT)
    slack.web_api.add(SimulatedWorkspace("T2")).tokens.add("xoxb-2")
"""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from bot.messengers.slack.platform_limits import RESPONSE_URL_LIFETIME_S, RESPONSE_URL_USES
from bot.messengers.slack.simulated_requests import TEAM_ID, signed_command
from bot.messengers.slack.simulated_workspace.block_limits import check_message
from bot.messengers.slack.simulated_workspace.errors import SlackError
from bot.messengers.slack.simulated_workspace.people import People
from bot.messengers.slack.simulated_workspace.workspace import SimulatedWorkspace
from bot.simulator.expiring_urls import ExpiredUrlError, ExpiringUrls, UsedUrlError
from fakes.faults import MAX_URLS, Arrivals, Fault, Faults, serving
from fakes.slack_channels import SlackChannels
from fakes.slack_records import SlackCall, SlackPost, SlackReading
from fakes.slack_web_api import NO_EFFECT, REFUSALS, SlackWebApi, refuse

#: Of one request; the longest messages are far shorter.
MAX_BODY_BYTES = 4 * 1024 * 1024

__all__ = [
    "Fault",
    "SlackCall",
    "SlackPlatform",
    "SlackPost",
    "SlackReading",
    "signed_command",
    "slack_platform",
]


class SlackPlatform:
    """Issued response URLs, the posts to them, and a workspace."""

    def __init__(self, lifetime_s: float = RESPONSE_URL_LIFETIME_S) -> None:
        self.origin = ""  #: set when it serves
        self.posts: list[SlackPost] = []  #: to response URLs
        self._urls: ExpiringUrls[None] = ExpiringUrls(
            lifetime_s=lifetime_s, uses=RESPONSE_URL_USES, capacity=MAX_URLS
        )
        self._arrivals = Arrivals()
        self.workspace = SimulatedWorkspace()
        self.people = People(self.workspace)
        self.channels = SlackChannels(self.workspace)
        self.web_api = SlackWebApi(self.workspace, self._arrivals)
        self.messages: list[SlackPost] = []  #: by chat.postMessage
        self.readings: list[SlackReading] = []
        self.faults = Faults()  #: of posts to response URLs and by chat.postMessage
        self.history_faults = Faults()  #: of conversations.history
        self.web_api.faults["chat.postMessage"] = self.faults
        self.web_api.faults["conversations.history"] = self.history_faults
        self.web_api.listeners.append(self._note)

    @property
    def api_url(self) -> str:
        """For BOT_SLACK_API_URL."""
        return f"{self.origin}/api/"

    @property
    def refusal_of_blocks(self) -> str:
        """The error code for every message with blocks."""
        return self.workspace.rules.refusal_of_blocks

    @refusal_of_blocks.setter
    def refusal_of_blocks(self, code: str) -> None:
        self.workspace.rules.refusal_of_blocks = code

    @property
    def max_text_chars(self) -> int:
        """The longest text of a message."""
        return self.workspace.rules.max_text_chars

    @max_text_chars.setter
    def max_text_chars(self, chars: int) -> None:
        self.workspace.rules.max_text_chars = chars

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

    async def next_reading(self, count: int = 1, timeout_s: float = 30.0) -> SlackReading:
        """Wait for the ``count``-th call of conversations.history."""
        await self._arrivals.until(lambda: len(self.readings) >= count, timeout_s)
        return self.readings[count - 1]

    async def until(self, holds: Callable[[], bool], timeout_s: float = 30.0) -> None:
        """Wait until it holds, looking after every call and post; raises TimeoutError."""
        await self._arrivals.until(holds, timeout_s)

    async def receive_response(self, request: web.Request) -> web.Response:
        """A POST to a response URL: "ok", or a status with a JSON error."""
        fault = self.faults.take()
        failed = "not_taken" if fault in NO_EFFECT else ""
        post = self._read(request.raw_path, await request.read(), fault, failed)
        self.posts.append(post)
        await self._arrivals.note()
        if fault in REFUSALS:
            return refuse(fault, self.faults)
        if post.error:
            status = 404 if post.error in {"used_url", "expired_url"} else 400
            refusal = web.json_response({"ok": False, "error": post.error}, status=status)
            return await self.faults.answer(fault, request, refusal)
        return await self.faults.answer(fault, request, web.Response(text="ok"))

    def _read(self, path: str, body: bytes, fault: Fault | None, failed: str) -> SlackPost:
        """Read a post to a response URL; ``failed``: the error of its fault."""
        error = failed or self._unusable(path)
        message: dict[str, Any] = {}
        try:
            parsed = json.loads(body)
            message = parsed if isinstance(parsed, dict) else {}
            if not isinstance(parsed, dict):
                error = error or "invalid_payload"
            check_message(message, self.workspace.rules)
        except SlackError as refused:
            error = error or refused.code
        except ValueError:
            error = error or "invalid_payload"
        return SlackPost(
            path_qs=path, body=body, message=message, error=error, fault=fault, shown=not error
        )

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

    def _note(self, call: SlackCall, body: bytes) -> None:
        """Keep the calls that older tests and chaos ask for."""
        channel = str(call.arguments.get("channel", ""))
        if call.method == "chat.postMessage":
            self.messages.append(
                SlackPost(
                    path_qs="/api/chat.postMessage",
                    body=body,
                    message=call.arguments,
                    error=call.error,
                    fault=call.fault,
                    shown=not call.error,
                    channel=channel,
                    at=call.at,
                )
            )
        elif call.method == "conversations.history":
            turns = tuple(
                message["metadata"].get("event_payload", {}).get("turn_id", "")
                for message in call.document.get("messages", [])
                if "metadata" in message
            )
            reading = SlackReading(channel=channel, error=call.error, fault=call.fault, turns=turns)
            self.readings.append(reading)


@asynccontextmanager
async def slack_platform(
    lifetime_s: float = RESPONSE_URL_LIFETIME_S,
) -> AsyncIterator[SlackPlatform]:
    """The host of response URLs and of ``/api/``, serving."""
    platform = SlackPlatform(lifetime_s)
    app = web.Application(client_max_size=MAX_BODY_BYTES)
    app.router.add_route("*", "/api/{method}", platform.web_api.handle)
    app.router.add_post("/{path:.*}", platform.receive_response)
    async with serving(app, platform.web_api.close) as origin:
        platform.origin = origin
        yield platform
