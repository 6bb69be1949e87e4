"""Requests of the simulated Slack to the bot, and what becomes of them on the page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import aiohttp

from bot.messengers.slack.platform_limits import ACK_TIMEOUT_S
from bot.simulator.sessions import Exchange
from bot.simulator.webhook_client import Reply, WebhookClient, reply_record, request_record

_FAILED = 'Slack: {} failed with the error "{}"'
_TOO_LATE = "3초 안에 접수 응답이 없었습니다."
_REASONS = {
    401: "서명이 BOT_SLACK_SIGNING_SECRET과 맞지 않습니다.",
    404: "이 봇에는 {path} 경로가 없습니다.",
    413: "메시지가 너무 큽니다.",
    500: "봇에서 오류가 발생했습니다. 봇의 로그를 확인하세요.",
    503: "봇이 저장하지 못했습니다. Slack은 나중에 다시 보냅니다.",
}
_SECRET_HEADERS = frozenset({"x-slack-signature"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackRequest:
    """A signed request; ``shown``: its body as the page shows it."""

    path: str  #: below /webhooks/slack/
    body: bytes
    headers: dict[str, str]
    shown: Any
    name: str  #: such as message.im
    surface: str = "channel"
    thread_ts: str = ""


class SlackDeliveries:
    """Posts to the bot's webhooks; a failure is shown as Slack's own words."""

    def __init__(
        self,
        client: WebhookClient,
        base_url: Callable[[], str],
        *,
        ack_s: float = ACK_TIMEOUT_S,
    ) -> None:
        self._client = client
        self._base_url = base_url
        self._ack_s = ack_s

    @property
    def origin(self) -> str:
        """Where the bot is."""
        return self._base_url()

    def record(self, request: SlackRequest) -> dict[str, Any]:
        """The request for "원문 보기", without its signature."""
        return request_record(self._url(request), request.headers, request.shown, _SECRET_HEADERS)

    async def post(self, exchange: Exchange, request: SlackRequest) -> Reply | None:
        """The bot's response with status 200; None after a failure, which the page shows."""
        place = {"surface": request.surface, "thread_ts": request.thread_ts}
        try:
            reply = await self._client.post(
                self._url(request), request.body, request.headers, self._ack_s
            )
        except TimeoutError:
            title = _FAILED.format(request.name, "operation_timeout")
            exchange.show("failure", title=title, detail=_TOO_LATE, **place)
            return None
        except aiohttp.ClientError as error:
            title = _FAILED.format(request.name, "dispatch_failed")
            detail = f"봇에 연결할 수 없습니다: {type(error).__name__}"
            exchange.show("failure", title=title, detail=detail, **place)
            return None
        if reply.status == 200:
            return reply
        reason = _REASONS.get(reply.status, "").format(path=f"/webhooks/slack/{request.path}")
        exchange.show(
            "failure",
            title=_FAILED.format(request.name, "dispatch_failed"),
            detail=f"HTTP {reply.status} · {reason}".rstrip(" ·"),
            wire={"response": reply_record(reply)},
            **place,
        )
        return None

    async def post_event(self, exchange: Exchange, request: SlackRequest) -> Reply | None:
        """Post an event or a press; the page gets one line for it."""
        reply = await self.post(exchange, request)
        if reply is not None:
            exchange.show(
                "delivered",
                name=request.name,
                retry=request.headers.get("x-slack-retry-num", ""),
                surface=request.surface,
                thread_ts=request.thread_ts,
                wire={"request": self.record(request), "response": reply_record(reply)},
            )
        return reply

    def _url(self, request: SlackRequest) -> str:
        return f"{self._base_url()}/webhooks/slack/{request.path}"
