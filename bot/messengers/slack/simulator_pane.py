"""Slack's pane of the simulator: sends signed slash commands and receives the responses."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlencode

import aiohttp
from aiohttp import web
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from bot.messengers.slack import rich_text
from bot.messengers.slack.commands import SHOW_COMMAND
from bot.messengers.slack.platform_limits import (
    ACK_TIMEOUT_S,
    RESPONSE_URL_LIFETIME_S,
    RESPONSE_URL_USES,
    check_slack_message,
)
from bot.messengers.slack.simulated_requests import COMMAND, command_form, signature_headers
from bot.simulator.expiring_urls import ExpiredUrlError, ExpiringUrls, UsedUrlError
from bot.simulator.limits import LimitError
from bot.simulator.messages import read_bounded, start_exchange
from bot.simulator.sessions import MAX_MESSAGE_CHARS, Exchange, not_blank
from bot.simulator.webhook_client import (
    MAX_REPLY_BYTES,
    Reply,
    WebhookClient,
    reply_record,
    request_record,
)

_FAILED = 'Slack: /bllossom failed with the error "{}"'
_REFUSED = "Slack이 메시지를 거절했습니다"
_ONLY = "이 워크스페이스에는 /bllossom만 설치되어 있습니다."
_TOO_LATE = "3초 안에 접수 응답이 없었습니다."
_RETRY_REASON = "http_timeout"
_REASONS = {
    401: "서명이 BOT_SLACK_SIGNING_SECRET과 맞지 않습니다.",
    404: "이 봇에는 /webhooks/slack/commands가 없습니다.",
    413: "메시지가 너무 큽니다.",
    500: "봇에서 오류가 발생했습니다. 봇의 로그를 확인하세요.",
}
_SECRET_HEADERS = frozenset({"x-slack-signature"})


class PageMessage(BaseModel):
    """A message of the page: the typed text, and whether to deliver the command twice."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    text: Annotated[str, Field(max_length=MAX_MESSAGE_CHARS), AfterValidator(not_blank)]
    twice: bool = False

    def command(self) -> tuple[str, str]:
        """The slash command and its text; text without a command goes to the bot's command."""
        typed = self.text.strip()
        if not typed.startswith("/"):
            return COMMAND, typed
        command, *text = typed.split(maxsplit=1)
        return command, text[0] if text else ""


@dataclass(slots=True)
class _Conversation:
    exchange: Exchange
    uses: int = 0


class SimulatedSlack:
    """Slack's platform and app for one person: sends commands, shows what is posted back."""

    def __init__(
        self,
        client: WebhookClient,
        signing_secret: str,
        base_url: Callable[[], str],
        *,
        ack_s: float = ACK_TIMEOUT_S,
        response_s: float = RESPONSE_URL_LIFETIME_S,
    ) -> None:
        self._client = client
        self._secret = signing_secret
        self._base_url = base_url
        self._ack_s = ack_s
        self._urls: ExpiringUrls[_Conversation] = ExpiringUrls(
            lifetime_s=response_s, uses=RESPONSE_URL_USES
        )

    async def send(self, exchange: Exchange, message: PageMessage) -> None:
        """Send one command, once or twice, and show the acknowledgements."""
        command, text = message.command()
        user_id = "U" + exchange.person[:10].upper()
        exchange.show("utterance", command=command, text=text, user_id=user_id)
        if command != COMMAND:
            exchange.show("failure", title=f"{command}: 없는 명령입니다", detail=_ONLY)
            return
        token = self._urls.issue(_Conversation(exchange))
        form = command_form(
            text,
            f"{self._base_url()}/simulator/slack/response/{token}",
            user_id=user_id,
        )
        await self._deliver(exchange, form, attempt=1)
        if message.twice:
            await self._deliver(exchange, form, attempt=2)

    async def _deliver(self, exchange: Exchange, form: dict[str, str], attempt: int) -> None:
        url, body = f"{self._base_url()}/webhooks/slack/commands", urlencode(form).encode()
        headers = signature_headers(self._secret, body)
        if attempt > 1:
            headers |= {
                "x-slack-retry-num": f"{attempt - 1}",
                "x-slack-retry-reason": _RETRY_REASON,
            }
        record = request_record(url, headers, form, _SECRET_HEADERS)
        exchange.show("request", attempt=attempt, wire={"request": record})
        try:
            reply = await self._client.post(url, body, headers, self._ack_s)
        except TimeoutError:
            exchange.show("failure", title=_FAILED.format("operation_timeout"), detail=_TOO_LATE)
        except aiohttp.ClientError as error:
            detail = f"봇에 연결할 수 없습니다: {type(error).__name__}"
            exchange.show("failure", title=_FAILED.format("dispatch_failed"), detail=detail)
        else:
            self._show_acknowledgement(exchange, reply, attempt)

    def _show_acknowledgement(self, exchange: Exchange, reply: Reply, attempt: int) -> None:
        wire = {"response": reply_record(reply)}
        if reply.status != 200:
            detail = f"HTTP {reply.status} · {_REASONS.get(reply.status, '')}".rstrip(" ·")
            title = _FAILED.format("dispatch_failed")
            exchange.show("failure", title=title, detail=detail, wire=wire)
            return
        exchange.show("acknowledged", attempt=attempt, wire=wire)
        if not reply.body.strip():
            return
        message = _acknowledged_message(reply)
        if message == SHOW_COMMAND:  # the page has shown it
            return
        try:
            check_slack_message(message)
        except LimitError as error:
            exchange.show("failure", title=f"{_REFUSED}: {error.code}", detail=str(error))
        else:
            exchange.show("answer", via="ack", **_shown(message))

    def receive_response(self, token: str, raw: bytes) -> tuple[int, dict[str, Any]]:
        """Receive a POST to a response_url; the HTTP status, and ``ok`` or Slack's error code.

        The statuses of refusals were observed; Slack's guide only names the limits.
        """
        try:
            conversation = self._urls.use(token)
        except UsedUrlError:
            return 404, {"ok": False, "error": "used_url"}
        except ExpiredUrlError:
            return 404, {"ok": False, "error": "expired_url"}
        except LookupError:
            return 404, {"ok": False, "error": "invalid_url"}
        conversation.uses += 1
        try:
            message = json.loads(raw)
            check_slack_message(message)
        except ValueError as error:
            return self._refuse(conversation.exchange, raw, error)
        conversation.exchange.show(
            "answer",
            via="response_url",
            use=conversation.uses,
            wire={"callback": message, "response": {"status": 200, "body": "ok"}},
            **_shown(message),
        )
        return 200, {"ok": True}

    def _refuse(
        self, exchange: Exchange, raw: bytes, error: ValueError
    ) -> tuple[int, dict[str, Any]]:
        code = error.code if isinstance(error, LimitError) else "invalid_payload"
        refusal = {"ok": False, "error": code}
        wire = {
            "callback": reply_record(Reply(0, raw))["body"],
            "response": {"status": 400, "body": refusal},
        }
        exchange.show("failure", title=f"{_REFUSED}: {code}", detail=str(error), wire=wire)
        return 400, refusal


class SlackPane:
    """Slack's pane: a SimulatorPane."""

    name = "slack"
    assets = Path(__file__).parent / "simulator"
    page_context: Mapping[str, object] = {}

    def __init__(
        self, client: WebhookClient, *, signing_secret: str, base_url: Callable[[], str]
    ) -> None:
        self.missing_setting = "" if signing_secret else "BOT_SLACK_SIGNING_SECRET"
        self._platform = SimulatedSlack(client, signing_secret, base_url)

    def routes(self) -> Sequence[web.RouteDef]:
        """The page's messages, and Slack's response_url host."""
        return [
            web.post("/slack/messages", self._send, name=self.name),
            web.post("/slack/response/{token}", self._receive_response),
        ]

    async def _send(self, request: web.Request) -> web.Response:
        return await start_exchange(request, self, PageMessage, self._platform.send)

    async def _receive_response(self, request: web.Request) -> web.Response:
        raw = await read_bounded(request, MAX_REPLY_BYTES)
        status, answer = self._platform.receive_response(request.match_info["token"], raw)
        if status == 200:
            return web.Response(text="ok")
        return web.json_response(answer, status=status)


def _acknowledged_message(reply: Reply) -> Any:
    """The message of an acknowledgement: its JSON, or its text."""
    try:
        return reply.json
    except ValueError:
        return {"text": reply.body.decode(errors="replace")}


def _shown(message: dict[str, Any]) -> dict[str, Any]:
    """The page's fields of a checked message."""
    deletes = message.get("delete_original") is True
    return {
        "view": [] if deletes else rich_text.message(message),
        "ephemeral": message.get("response_type") != "in_channel",
        "replaces": deletes or message.get("replace_original") is True,
    }
