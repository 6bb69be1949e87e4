"""Kakao's pane of the simulator: sends signed skill requests and receives the callbacks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import aiohttp
from aiohttp import web
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from bot.messengers.kakao.platform_limits import (
    CALLBACK_LIFETIME_S,
    FOLD_CHARS,
    SKILL_TIMEOUT_S,
    check_skill_response,
    is_callback_acknowledgement,
)
from bot.messengers.kakao.sample_photo import sample_photo
from bot.messengers.kakao.simulated_photos import SimulatedPhotos
from bot.messengers.kakao.simulated_requests import (
    Trigger,
    as_photo,
    as_welcome,
    callback_receipt,
    skill_request,
)
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

_WAITING = "생각하고 있어요. 잠시만 기다려 주세요!"
_TOO_LATE = "5초 안에 응답이 없어 카카오가 연결을 끊었습니다 (오류 1001)."
_EXPIRED = "1분 안에 답변이 오지 않아 콜백 주소가 만료되었습니다."
_BAD_BUBBLE = "카카오가 표시하지 않는 말풍선입니다"
_NO_CALLBACK = "콜백이 꺼진 블록인데 봇이 콜백을 약속했습니다"
_UNREACHED = "사용자에게는 폴백 문구가 보입니다 (오류 1005)."
_OTHER = "사용자에게는 폴백 문구가 보입니다."
_REASONS = {
    401: "X-Bot-Secret이 BOT_KAKAO_SECRET과 다릅니다.",
    404: "이 봇에는 /webhooks/kakao가 없습니다.",
    413: "메시지가 너무 큽니다.",
    500: "봇에서 오류가 발생했습니다. 봇의 로그를 확인하세요.",
}
_SECRET_HEADERS = frozenset({"x-bot-secret"})


class PageMessage(BaseModel):
    """A message of the page: a typed text, a tapped button with its payload, a photo."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    text: Annotated[str, Field(max_length=MAX_MESSAGE_CHARS), AfterValidator(not_blank)]
    callback: bool = True  #: whether the block offers a callback
    extra: dict[str, Any] | None = None
    trigger: Trigger = "TEXT_INPUT"
    kind: Literal["text", "photo", "welcome"] = "text"  #: of the message
    photo: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{0,64}$")] = ""  #: uploaded; "": a sample

    @property
    def photo_path(self) -> str:
        """Where the photo is, below the bot's address."""
        name = f"photos/{self.photo}" if self.photo else "photo"
        return f"/simulator/kakao/{name}.jpg"


@dataclass(slots=True)
class _Callback:
    exchange: Exchange
    promised: bool = False  #: by an acknowledgement with useCallback
    used: asyncio.Event = field(default_factory=asyncio.Event)


class SimulatedKakao:
    """Kakao's platform and app for one person: sends skill requests, shows what comes back."""

    def __init__(
        self,
        client: WebhookClient,
        secret: str,
        base_url: Callable[[], str],
        *,
        bot_id: str = "",
        skill_s: float = SKILL_TIMEOUT_S,
        callback_s: float = CALLBACK_LIFETIME_S,
    ) -> None:
        self._client = client
        self._secret = secret
        self._bot_id = bot_id
        self._base_url = base_url
        self._skill_s = skill_s
        self._callback_s = callback_s
        self._callbacks: ExpiringUrls[_Callback] = ExpiringUrls(lifetime_s=callback_s, uses=1)

    async def send(self, exchange: Exchange, message: PageMessage) -> None:
        """Send one message and show every event that follows, up to the end of its callback."""
        exchange.show(
            "utterance", text=message.text, message=message.kind, photo=message.photo_path
        )
        callback = _Callback(exchange)
        try:
            await self._request(callback, message)
        except TimeoutError:
            exchange.show("failure", title="응답 시간 초과", detail=_TOO_LATE)
        except aiohttp.ClientError as error:
            exchange.show(
                "failure",
                title="봇에 연결할 수 없습니다",
                detail=f"{_UNREACHED} {type(error).__name__}",
            )
        if callback.promised:
            await self._await_callback(callback)

    async def _request(self, callback: _Callback, message: PageMessage) -> None:
        exchange, url = callback.exchange, f"{self._base_url()}/webhooks/kakao"
        body = self._as_kind(
            message,
            skill_request(
                message.text,
                user=exchange.person,
                callback_url=self._callback_url(callback) if message.callback else None,
                extra=message.extra,
                trigger=message.trigger,
                bot_id=self._bot_id,
            ),
        )
        headers = {"Content-Type": "application/json", "X-Bot-Secret": self._secret}
        exchange.show(
            "request", wire={"request": request_record(url, headers, body, _SECRET_HEADERS)}
        )
        encoded = json.dumps(body, ensure_ascii=False).encode()
        reply = await self._client.post(url, encoded, headers, self._skill_s)
        self._show_reply(callback, reply, offered=message.callback)

    def _as_kind(self, message: PageMessage, request: dict[str, Any]) -> dict[str, Any]:
        """The request as that of another kind of message."""
        if message.kind == "photo":
            return as_photo(request, self._base_url() + message.photo_path)
        return as_welcome(request) if message.kind == "welcome" else request

    def _callback_url(self, callback: _Callback) -> str:
        token = self._callbacks.issue(callback)
        return f"{self._base_url()}/simulator/kakao/callback/{token}"

    def _show_reply(self, callback: _Callback, reply: Reply, *, offered: bool) -> None:
        exchange, wire = callback.exchange, {"response": reply_record(reply)}
        if reply.status != 200:
            detail = f"HTTP {reply.status} · {_REASONS.get(reply.status, _OTHER)}"
            exchange.show("failure", title="봇이 거절했습니다", detail=detail, wire=wire)
            return
        try:
            body = reply.json
            callback.promised = is_callback_acknowledgement(body)
            if not callback.promised:
                check_skill_response(body)
        except ValueError as error:
            exchange.show("failure", title=_BAD_BUBBLE, detail=str(error), wire=wire)
            return
        if callback.promised and not offered:
            callback.promised = False
            exchange.show("failure", title=_NO_CALLBACK, detail="useCallback", wire=wire)
        elif callback.promised:
            exchange.show("waiting", text=_waiting_text(body), until_s=self._callback_s, wire=wire)
        else:
            exchange.show("answer", via="sync", wire=wire, **_bubbles(body))

    async def _await_callback(self, callback: _Callback) -> None:
        left_s = max(0.0, self._callback_s - callback.exchange.age_s)
        try:
            async with asyncio.timeout(left_s):
                await callback.used.wait()
        except TimeoutError:
            callback.exchange.show("failure", title="콜백이 오지 않았습니다", detail=_EXPIRED)

    def receive_callback(self, token: str, raw: bytes) -> tuple[int, dict[str, Any]]:
        """Receive a POST to a callback URL; the HTTP status and Kakao's receipt."""
        try:
            callback = self._callbacks.use(token)
        except LookupError:
            return 400, callback_receipt("FAIL", "Invalid callback token")
        callback.used.set()
        refusal = _callback_refusal(callback, raw)
        receipt = callback_receipt("FAIL" if refusal else "SUCCESS", refusal)
        self._show_callback(callback.exchange, raw, receipt)
        return 200, receipt

    def _show_callback(self, exchange: Exchange, raw: bytes, receipt: dict[str, Any]) -> None:
        wire = {
            "callback": reply_record(Reply(0, raw))["body"],
            "response": {"status": 200, "body": receipt},
        }
        if receipt["status"] == "SUCCESS":
            exchange.show("answer", via="callback", wire=wire, **_bubbles(json.loads(raw)))
        else:
            exchange.show(
                "failure",
                title="카카오가 콜백을 거절했습니다",
                detail=receipt["message"],
                wire=wire,
            )


class KakaoPane:
    """Kakao's pane: a SimulatorPane."""

    name = "kakao"
    assets = Path(__file__).parent / "simulator"
    page_context: Mapping[str, object] = {"kakao_fold_chars": FOLD_CHARS}

    def __init__(
        self, client: WebhookClient, *, secret: str, base_url: Callable[[], str], bot_id: str = ""
    ) -> None:
        self.missing_setting = "" if secret else "BOT_KAKAO_SECRET"
        self._platform = SimulatedKakao(client, secret, base_url, bot_id=bot_id)
        self._photos = SimulatedPhotos()

    def routes(self) -> Sequence[web.RouteDef]:
        """The page's messages, and Kakao's hosts of callbacks and photos."""
        return [
            web.post("/kakao/messages", self._send, name=self.name),
            web.post("/kakao/callback/{token}", self._receive_callback),
            web.get("/kakao/photo.jpg", self._show_photo),
            web.post("/kakao/photos", self._photos.receive),
            web.get("/kakao/photos/{token}.jpg", self._photos.show),
        ]

    async def _send(self, request: web.Request) -> web.Response:
        return await start_exchange(request, self, PageMessage, self._platform.send)

    async def _show_photo(self, _request: web.Request) -> web.Response:
        """The host of Kakao's photos has one."""
        return web.Response(body=sample_photo(), content_type="image/jpeg")

    async def _receive_callback(self, request: web.Request) -> web.Response:
        raw = await read_bounded(request, MAX_REPLY_BYTES)
        status, receipt = self._platform.receive_callback(request.match_info["token"], raw)
        return web.json_response(receipt, status=status)


def _callback_refusal(callback: _Callback, raw: bytes) -> str:
    """Kakao's error message for an answer that it does not show, or ""."""
    if not callback.promised:
        return "Use callback true setting required"
    try:
        check_skill_response(json.loads(raw))
    except ValueError as error:
        return f"Invalid json from bot-skill: {error}"
    return ""


def _waiting_text(body: dict[str, Any]) -> str:
    """The waiting message: the acknowledgement's ``data.text``, else the block's own."""
    given = body.get("data")
    text = given.get("text") if isinstance(given, dict) else None
    return text if isinstance(text, str) and text.strip() else _WAITING


def _bubbles(body: dict[str, Any]) -> dict[str, Any]:
    template = body["template"]
    return {"outputs": template["outputs"], "quick_replies": template.get("quickReplies", [])}
