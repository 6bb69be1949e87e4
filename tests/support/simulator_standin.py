"""A small bot with real endpoints: checks the secret and the signature, answers as it is told.

It stands where the product's bot will: the simulator plays the messengers towards it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import parse_qsl

import aiohttp
import pytest_asyncio
from aiohttp import web
from slack_sdk.signature import SignatureVerifier

from bot.messengers.generic.simulator_pane import GenericPane
from bot.messengers.kakao.simulator_pane import KakaoPane
from bot.messengers.slack.simulator_pane import API_PATH, SlackPane
from bot.simulator.app import create_simulator
from fakes.faults import serving

KAKAO_SECRET = "kakao-secret-of-the-tests"
SLACK_SECRET = "slack-secret-of-the-tests"
SLACK_TOKEN = "xoxb-token-of-the-tests"
GENERIC_SECRET = b"generic-secret-of-the-tests"
READY: dict[str, Any] = {
    "status": "ready",
    "parts": {
        "postgres": {"ok": True},
        "redis": {"ok": True},
        "worker": {"ok": True, "model": "SmolLM2-135M-Instruct", "demo": True, "detail": ""},
    },
}


def bubbles(*texts: str, quick_replies: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    template: dict[str, Any] = {"outputs": [{"simpleText": {"text": text}} for text in texts]}
    if quick_replies:
        template["quickReplies"] = quick_replies
    return {"version": "2.0", "template": template}


@dataclass
class StandInBot:
    """What the next webhooks meet, and what came."""

    origin: str = ""
    kakao_secret: str = KAKAO_SECRET
    slack_secret: str = SLACK_SECRET
    kakao_reply: dict[str, Any] = field(default_factory=lambda: bubbles("안녕하세요"))
    kakao_delay_s: float = 0
    callback: dict[str, Any] | None = None  #: posted after an acknowledgement
    callback_delay_s: float = 0.1
    callback_gap_s: float = 0.1
    slack_acknowledgement: str = ""
    slack_answers: list[dict[str, Any]] = field(default_factory=lambda: [{"text": "안녕하세요"}])
    slack_delay_s: float = 0.1
    ready: dict[str, Any] = field(default_factory=lambda: dict(READY))
    skills: list[dict[str, Any]] = field(default_factory=list)
    commands: list[dict[str, str]] = field(default_factory=list)
    slack_events: list[dict[str, Any]] = field(default_factory=list)
    presses: list[dict[str, Any]] = field(default_factory=list)
    submission: dict[str, Any] | None = None  #: the response to a view_submission
    deliveries: list[dict[str, str]] = field(default_factory=list)  #: headers, per command
    receipts: list[Any] = field(default_factory=list)  #: what the platforms answered
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    seen: set[str] = field(default_factory=set)

    async def kakao(self, request: web.Request) -> web.Response:
        if request.headers.get("X-Bot-Secret") != self.kakao_secret:
            return web.json_response({"error": "wrong secret"}, status=401)
        skill = await request.json()
        self.skills.append(skill)
        await asyncio.sleep(self.kakao_delay_s)
        url = skill["userRequest"].get("callbackUrl")
        if self.callback is None or url is None:
            return web.json_response(self.kakao_reply)
        self._later(self.callback_delay_s, url, self.callback)
        return web.json_response({"version": "2.0", "useCallback": True})

    async def slack(self, request: web.Request) -> web.Response:
        body = await request.read()
        if not SignatureVerifier(self.slack_secret).is_valid_request(body, dict(request.headers)):
            return web.Response(status=401, text="bad signature")
        command = dict(parse_qsl(body.decode(), keep_blank_values=True))
        self.commands.append(command)
        self.deliveries.append(dict(request.headers))
        if command["trigger_id"] not in self.seen:
            self.seen.add(command["trigger_id"])
            for number, answer in enumerate(self.slack_answers, 1):
                self._later(self.slack_delay_s * number, command["response_url"], answer)
        return web.Response(text=self.slack_acknowledgement)

    async def slack_event(self, request: web.Request) -> web.Response:
        body = await request.read()
        if not SignatureVerifier(self.slack_secret).is_valid_request(body, dict(request.headers)):
            return web.Response(status=401, text="bad signature")
        if request.content_type == "application/json":
            self.slack_events.append(json.loads(body))
            self.deliveries.append(dict(request.headers))
            return web.Response()
        payload = json.loads(dict(parse_qsl(body.decode()))["payload"])
        self.presses.append(payload)
        if payload["type"] == "view_submission" and self.submission:
            return web.json_response(self.submission)
        return web.Response()

    async def call_slack(self, method: str, token: str = SLACK_TOKEN, **arguments: Any) -> Any:
        """Call the simulator's Web API as the bot does; its JSON, or the status of a refusal."""
        url = f"{self.origin}/simulator/slack/api/{method}"
        headers = {"Authorization": f"Bearer {token}"}
        async with (
            aiohttp.ClientSession() as client,
            client.post(url, json=arguments, headers=headers) as response,
        ):
            is_json = response.content_type == "application/json"
            return await response.json() if is_json else response.status

    async def readyz(self, _request: web.Request) -> web.Response:
        status = 200 if self.ready["status"] == "ready" else 503
        return web.json_response(self.ready, status=status)

    def _later(self, delay_s: float, url: str, body: dict[str, Any]) -> None:
        task = asyncio.create_task(self._post(delay_s, url, body))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _post(self, delay_s: float, url: str, body: dict[str, Any]) -> None:
        await asyncio.sleep(delay_s)
        async with aiohttp.ClientSession() as client, client.post(url, json=body) as response:
            text = await response.text()
            is_json = response.content_type == "application/json"
            self.receipts.append(json.loads(text) if is_json else text)


@asynccontextmanager
async def stand_in_bot(slack_token: str = "") -> AsyncIterator[StandInBot]:
    """The bot with the simulator mounted, on a free port; with a token its Slack is simulated."""
    bot = StandInBot()
    slack = partial(SlackPane, api_url=f"http://127.0.0.1{API_PATH}", token=slack_token)
    panes = (
        partial(KakaoPane, secret=KAKAO_SECRET, base_url=lambda: bot.origin),
        partial(slack, signing_secret=SLACK_SECRET, base_url=lambda: bot.origin),
        partial(GenericPane, secret=GENERIC_SECRET, base_url=lambda: bot.origin),
    )
    app = web.Application()
    app.router.add_post("/webhooks/kakao", bot.kakao)
    app.router.add_post("/webhooks/slack/commands", bot.slack)
    app.router.add_post("/webhooks/slack/{path:events|interactivity}", bot.slack_event)
    app.router.add_get("/readyz", bot.readyz)
    app.add_subapp("/simulator", create_simulator(panes))
    async with serving(app) as origin:
        bot.origin = origin
        yield bot
        for task in tuple(bot.tasks):
            task.cancel()


@pytest_asyncio.fixture
async def bot() -> AsyncIterator[StandInBot]:
    """A fixture for conftest files."""
    async with stand_in_bot() as running:
        yield running


@pytest_asyncio.fixture
async def connected_bot() -> AsyncIterator[StandInBot]:
    """A bot whose Slack is the simulator's own."""
    async with stand_in_bot(SLACK_TOKEN) as running:
        yield running
