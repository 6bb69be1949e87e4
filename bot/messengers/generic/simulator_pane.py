"""A simulated in-house messenger: signs messages, receives answers or callbacks."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import aiohttp
from aiohttp import web
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from bot.domain.messenger import Refusal
from bot.messengers.generic.signature import SIGNATURE_HEADER, sign, verify
from bot.simulator.expiring_urls import ExpiringUrls
from bot.simulator.messages import read_bounded, start_exchange
from bot.simulator.sessions import MAX_MESSAGE_CHARS, Exchange, not_blank
from bot.simulator.webhook_client import (
    MAX_REPLY_BYTES,
    Reply,
    WebhookClient,
    reply_record,
    request_record,
)

#: The wait for an answer in the response, and for its callback.
WAIT_S = 20
CALLBACK_S = 1800.0
POST_TIMEOUT_S = WAIT_S + 5.0

_SECRET_HEADERS = frozenset({SIGNATURE_HEADER.lower()})
_REASONS = {
    401: "서명이 BOT_GENERIC_SECRET과 맞지 않습니다.",
    404: "이 봇에는 /webhooks/generic이 없습니다.",
    413: "메시지가 너무 큽니다.",
}


class PageMessage(BaseModel):
    """A message of the page: a text, and whether its request waits for the answer."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    text: Annotated[str, Field(max_length=MAX_MESSAGE_CHARS), AfterValidator(not_blank)]
    wait: bool = False


@dataclass(slots=True)
class _Message:
    exchange: Exchange
    answered: asyncio.Event = field(default_factory=asyncio.Event)


class SimulatedMessenger:
    """The messenger of one person: sends messages, shows what comes back."""

    def __init__(self, client: WebhookClient, secret: bytes, base_url: Callable[[], str]) -> None:
        self._client = client
        self._secret = secret
        self._base_url = base_url
        self._urls: ExpiringUrls[_Message] = ExpiringUrls(lifetime_s=CALLBACK_S, uses=1)

    async def send(self, exchange: Exchange, message: PageMessage) -> None:
        """Send one message and show what follows."""
        exchange.show("utterance", text=message.text)
        document = {
            "idempotency_key": secrets.token_hex(16),
            "conversation": "simulator",
            "user": exchange.person,
            "tenant": exchange.person,
            "text": message.text,
        }
        url = f"{self._base_url()}/webhooks/generic"
        if message.wait:
            url += f"?wait={WAIT_S}"
        else:
            token = self._urls.issue(_Message(exchange))
            document["callback_url"] = f"{self._base_url()}/simulator/generic/results/{token}"
        try:
            await self._post(exchange, url, document)
        except TimeoutError:
            exchange.show("failure", title="응답 시간 초과", detail="봇이 응답하지 않습니다.")
        except aiohttp.ClientError as error:
            exchange.show("failure", title="봇에 연결할 수 없습니다", detail=type(error).__name__)

    async def _post(self, exchange: Exchange, url: str, document: dict[str, str]) -> None:
        body = json.dumps(document, ensure_ascii=False).encode()
        headers = {
            "Content-Type": "application/json",
            **sign(self._secret, body, datetime.now(UTC)),
        }
        record = request_record(url, headers, document, _SECRET_HEADERS)
        exchange.show("request", waits="wait=" in url, wire={"request": record})
        reply = await self._client.post(url, body, headers, POST_TIMEOUT_S)
        wire = {"response": reply_record(reply)}
        if reply.status == 200:
            exchange.show("answer", via="response", wire=wire, **_shown(reply.json))
        elif reply.status == 202:
            exchange.show("accepted", wire=wire)
        else:
            exchange.show("failure", title="봇이 거절했습니다", detail=_reason(reply), wire=wire)

    def receive_result(self, token: str, headers: Mapping[str, str], raw: bytes) -> int:
        """Receive a callback; the HTTP status."""
        try:
            verify(headers, raw, (self._secret,), datetime.now(UTC))
            message = self._urls.use(token)
            document = json.loads(raw)
        except Refusal:
            return 401
        except LookupError:
            return 410
        except ValueError:
            return 400
        wire = {"callback": document, "response": {"status": 204, "body": ""}}
        message.exchange.show("answer", via="callback", wire=wire, **_shown(document))
        return 204


class GenericPane:
    """The in-house messenger's pane: a SimulatorPane."""

    name = "generic"
    assets = Path(__file__).parent / "simulator"
    page_context: Mapping[str, object] = {"generic_wait_s": WAIT_S}

    def __init__(
        self, client: WebhookClient, *, secret: bytes, base_url: Callable[[], str]
    ) -> None:
        self.missing_setting = "" if secret else "BOT_GENERIC_SECRET"
        self._platform = SimulatedMessenger(client, secret, base_url)

    def routes(self) -> Sequence[web.RouteDef]:
        """The page's messages, and the host of the callbacks."""
        return [
            web.post("/generic/messages", self._send, name=self.name),
            web.post("/generic/results/{token}", self._receive_result),
        ]

    async def _send(self, request: web.Request) -> web.Response:
        return await start_exchange(request, self, PageMessage, self._platform.send)

    async def _receive_result(self, request: web.Request) -> web.Response:
        raw = await read_bounded(request, MAX_REPLY_BYTES)
        token = request.match_info["token"]
        return web.Response(status=self._platform.receive_result(token, request.headers, raw))


def _shown(document: dict[str, Any]) -> dict[str, Any]:
    """The page's fields of a result."""
    return {
        "text": str(document.get("text") or document.get("message") or ""),
        "failed": document.get("status") == "failed",
        "notice": document.get("ai_notice"),
    }


def _reason(reply: Reply) -> str:
    """The sentence for the person, or what the status means."""
    try:
        sentence = reply.json.get("message")
    except (ValueError, AttributeError):
        sentence = None
    return str(sentence or f"HTTP {reply.status} · {_REASONS.get(reply.status, '')}".rstrip(" ·"))
