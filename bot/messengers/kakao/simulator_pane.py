"""Plays KakaoTalk: sends skill requests as Kakao does, and takes the callbacks."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import aiohttp
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from bot.simulator.expiring_urls import Addresses
from bot.simulator.limits import (
    KAKAO_CALLBACK_S,
    KAKAO_SKILL_S,
    check_skill_response,
    is_callback_acknowledgement,
)
from bot.simulator.recorded_post import Reply, post, reply_record, request_record
from bot.simulator.sessions import SAID_CHARS, Exchange, not_blank

Trigger = Literal["TEXT_INPUT", "QUICKREPLY_BUTTON_MESSAGE", "CARD_BUTTON_MESSAGE"]

_WAITING = "생각하고 있어요. 잠시만 기다려 주세요!"
_TOO_LATE = "5초 안에 답이 없어 카카오가 기다리기를 그만두었습니다 (오류 1001)."
_EXPIRED = "1분 안에 답이 오지 않아 콜백 주소가 만료되었습니다."
_BAD_BUBBLE = "카카오가 보여 주지 않을 말풍선입니다"
_NO_CALLBACK = "콜백이 꺼진 블록인데 봇이 콜백을 약속했습니다"
_UNREACHED = "사용자에게는 폴백 문구가 보입니다 (오류 1005)."
_OTHER = "사용자에게는 폴백 문구가 보입니다."
_WHY = {
    401: "X-Bot-Secret이 BOT_KAKAO_SECRET과 다릅니다.",
    404: "이 봇에는 /webhooks/kakao가 없습니다.",
    413: "메시지가 너무 큽니다.",
    500: "봇 안에서 오류가 났습니다. 봇의 로그를 보세요.",
}

_BLOCK = {"id": "67a1f00dc0ffee0000000001", "name": "폴백 블록"}
_BOT = {"id": "67a1f00dc0ffee0000000002", "name": "블라썸"}
_SKILL = {"id": "67a1f00dc0ffee0000000003", "name": "블라썸에게 묻기"}


def skill_request(
    utterance: str,
    user: str = "simulated-person",
    callback_url: str | None = None,
    extra: dict[str, Any] | None = None,
    trigger: Trigger | None = None,
) -> dict[str, Any]:
    """The JSON body of a skill request, every object of it present, as Kakao's guide shows it.

    ``user`` becomes the bot user key; ``extra`` is what a tapped button carried.
    """
    key = hashlib.sha256(user.encode()).hexdigest()
    tapped: Trigger = "QUICKREPLY_BUTTON_MESSAGE" if extra else "TEXT_INPUT"
    request: dict[str, Any] = {
        "timezone": "Asia/Seoul",
        "lang": "ko",
        "params": {"surface": "Kakaotalk.plusfriend"},
        "block": dict(_BLOCK),
        "utterance": utterance,
        "user": {
            "id": key,
            "type": "botUserKey",
            "properties": {
                "botUserKey": key,
                "plusfriendUserKey": key[:20],
                "plusfriend_user_key": key[:20],
                "isFriend": True,
            },
        },
    }
    if callback_url is not None:
        request["callbackUrl"] = callback_url
    return {
        "bot": dict(_BOT),
        "intent": {**_BLOCK, "extra": {"reason": {"code": 1, "message": "OK"}}},
        "action": {**_SKILL, "params": {}, "detailParams": {}, "clientExtra": extra or {}},
        "userRequest": request,
        "contexts": [],
        "flow": {
            "trigger": {"type": trigger or tapped, "referrerBlock": dict(_BLOCK)},
            "lastBlock": dict(_BLOCK),
        },
    }


def callback_receipt(status: Literal["SUCCESS", "FAIL", "ERROR"], message: str) -> dict[str, Any]:
    """What Kakao's callback host answers; ``status`` says more than the HTTP code."""
    return {
        "taskId": str(uuid.uuid4()),
        "status": status,
        "message": message,
        "timestamp": int(time.time()),
    }


class Said(BaseModel):
    """What the page sends: a text typed, or a button tapped with what it carried."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    text: Annotated[str, Field(max_length=SAID_CHARS), AfterValidator(not_blank)]
    callback: bool = True  #: whether the block has callback on
    extra: dict[str, Any] | None = None
    trigger: Trigger = "TEXT_INPUT"


@dataclass(slots=True)
class _Callback:
    exchange: Exchange
    promised: bool = False  #: the acknowledgement carried useCallback
    spent: asyncio.Event = field(default_factory=asyncio.Event)


class KakaoTalk:
    """The platform and the app of one person: sends skill requests, shows what comes back."""

    def __init__(
        self,
        http: aiohttp.ClientSession,
        secret: str,
        base_url: Callable[[], str],
        *,
        skill_s: float = KAKAO_SKILL_S,
        callback_s: float = KAKAO_CALLBACK_S,
    ) -> None:
        self._http = http
        self._secret = secret
        self._base_url = base_url
        self._skill_s = skill_s
        self._callback_s = callback_s
        self._callbacks: Addresses[_Callback] = Addresses(lifetime_s=callback_s, uses=1)

    async def say(self, exchange: Exchange, said: Said) -> None:
        """Send one message and show everything that follows, the callback's end included."""
        exchange.show("utterance", text=said.text)
        callback = _Callback(exchange)
        try:
            await self._request(callback, said)
        except TimeoutError:
            exchange.show("failure", title="응답 시간 초과", detail=_TOO_LATE)
        except aiohttp.ClientError as error:
            exchange.show(
                "failure", title="봇에 닿지 않습니다", detail=f"{_UNREACHED} {type(error).__name__}"
            )
        if callback.promised:
            await self._await_callback(callback)

    async def _request(self, callback: _Callback, said: Said) -> None:
        exchange, url = callback.exchange, f"{self._base_url()}/webhooks/kakao"
        body = skill_request(
            said.text,
            user=exchange.person,
            callback_url=self._callback_url(callback) if said.callback else None,
            extra=said.extra,
            trigger=said.trigger,
        )
        headers = {"Content-Type": "application/json", "X-Bot-Secret": self._secret}
        exchange.show("request", wire={"request": request_record(url, headers, body)})
        encoded = json.dumps(body, ensure_ascii=False).encode()
        reply = await post(self._http, url, encoded, headers, self._skill_s)
        self._show_reply(callback, reply, offered=said.callback)

    def _callback_url(self, callback: _Callback) -> str:
        token = self._callbacks.issue(callback)
        return f"{self._base_url()}/simulator/kakao/callback/{token}"

    def _show_reply(self, callback: _Callback, reply: Reply, *, offered: bool) -> None:
        exchange, wire = callback.exchange, {"response": reply_record(reply)}
        if reply.status != 200:
            detail = f"HTTP {reply.status} · {_WHY.get(reply.status, _OTHER)}"
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
                await callback.spent.wait()
        except TimeoutError:
            callback.exchange.show("failure", title="콜백이 오지 않았습니다", detail=_EXPIRED)

    def receive_callback(self, token: str, raw: bytes) -> tuple[int, dict[str, Any]]:
        """Take the answer posted to a callback URL: the HTTP status and Kakao's receipt."""
        try:
            callback = self._callbacks.use(token)
        except LookupError:
            return 400, callback_receipt("FAIL", "Invalid callback token")
        callback.spent.set()
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


def _callback_refusal(callback: _Callback, raw: bytes) -> str:
    """Kakao's words for why it does not show this, or ""."""
    if not callback.promised:
        return "Use callback true setting required"
    try:
        check_skill_response(json.loads(raw))
    except ValueError as error:
        return f"Invalid json from bot-skill: {error}"
    return ""


def _waiting_text(body: dict[str, Any]) -> str:
    """The block's waiting message: the webhook's ``data.text`` where it gives one."""
    given = body.get("data")
    text = given.get("text") if isinstance(given, dict) else None
    return text if isinstance(text, str) and text.strip() else _WAITING


def _bubbles(body: dict[str, Any]) -> dict[str, Any]:
    template = body["template"]
    return {"outputs": template["outputs"], "quick_replies": template.get("quickReplies", [])}
