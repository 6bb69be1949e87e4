"""Plays Slack: signs slash commands as Slack does, and takes the posts to response_url."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlencode

import aiohttp
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from slack_sdk.signature import SignatureVerifier

from bot.simulator import rich_text
from bot.simulator.expiring_urls import Addresses, ExpiredAddressError, UsedAddressError
from bot.simulator.limits import (
    SLACK_ACK_S,
    SLACK_RESPONSE_S,
    SLACK_RESPONSE_USES,
    LimitError,
    check_slack_message,
)
from bot.simulator.recorded_post import Reply, post, reply_record, request_record
from bot.simulator.sessions import SAID_CHARS, Exchange, not_blank

TEAM_ID = "T0BLLOSSOM"
CHANNEL_ID = "C0SIMULATE"
USER_ID = "U0SIMULATE"
COMMAND = "/bllossom"

_FAILED = 'Slack: /bllossom failed with the error "{}"'
_REFUSED = "Slack이 메시지를 거절했습니다"
_ONLY = "이 워크스페이스에는 /bllossom만 설치되어 있습니다."
_TOO_LATE = "3초 안에 접수 응답이 없었습니다."
_REASON = "http_timeout"
_WHY = {
    401: "서명이 BOT_SLACK_SIGNING_SECRET과 맞지 않습니다.",
    404: "이 봇에는 /webhooks/slack/commands가 없습니다.",
    413: "메시지가 너무 큽니다.",
    500: "봇 안에서 오류가 났습니다. 봇의 로그를 보세요.",
}


def command_form(text: str, response_url: str, **fields: str) -> dict[str, str]:
    """The fields of a slash command; each can be replaced. ``trigger_id`` is new every time."""
    trigger = f"{secrets.randbelow(10**13)}.{secrets.randbelow(10**12)}.{secrets.token_hex(16)}"
    return {
        "token": "simulated-verification-token",
        "team_id": TEAM_ID,
        "team_domain": "bllossom-demo",
        "channel_id": CHANNEL_ID,
        "channel_name": "bllossom",
        "user_id": USER_ID,
        "user_name": "simulated.person",
        "command": COMMAND,
        "text": text,
        "api_app_id": "A0BLLOSSOM",
        "is_enterprise_install": "false",
        "response_url": response_url,
        "trigger_id": trigger,
        **fields,
    }


def signature_headers(secret: str, body: bytes, timestamp: int | None = None) -> dict[str, str]:
    """The headers of a form body signed with Slack's scheme v0; ``timestamp`` in Unix seconds."""
    sent_at = str(int(time.time()) if timestamp is None else timestamp)
    signature = SignatureVerifier(secret).generate_signature(timestamp=sent_at, body=body)
    return {
        "Content-Type": "application/x-www-form-urlencoded",
        "User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
        "X-Slack-Request-Timestamp": sent_at,
        "X-Slack-Signature": str(signature),
    }


def signed_command(
    secret: str, text: str, *, response_url: str = "", timestamp: int | None = None, **fields: str
) -> tuple[bytes, dict[str, str]]:
    """A slash command ready to send: the form-encoded body and its signed headers.

    ``fields`` replace the form's own, such as ``user_id``, ``channel_id`` or ``trigger_id``.
    """
    body = urlencode(command_form(text, response_url, **fields)).encode()
    return body, signature_headers(secret, body, timestamp)


class Typed(BaseModel):
    """What the page sends: what was typed, and whether to deliver it twice."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    text: Annotated[str, Field(max_length=SAID_CHARS), AfterValidator(not_blank)]
    twice: bool = False

    def command(self) -> tuple[str, str]:
        """The slash command and its text; plain text is the text of ours."""
        typed = self.text.strip()
        if not typed.startswith("/"):
            return COMMAND, typed
        command, *text = typed.split(maxsplit=1)
        return command, text[0] if text else ""


@dataclass(slots=True)
class _Conversation:
    exchange: Exchange
    uses: int = 0


class Slack:
    """The platform and the app of one person: sends commands, shows what is posted back."""

    def __init__(
        self,
        http: aiohttp.ClientSession,
        signing_secret: str,
        base_url: Callable[[], str],
        *,
        ack_s: float = SLACK_ACK_S,
        response_s: float = SLACK_RESPONSE_S,
    ) -> None:
        self._http = http
        self._secret = signing_secret
        self._base_url = base_url
        self._ack_s = ack_s
        self._urls: Addresses[_Conversation] = Addresses(
            lifetime_s=response_s, uses=SLACK_RESPONSE_USES
        )

    async def say(self, exchange: Exchange, typed: Typed) -> None:
        """Send one command, once or twice, and show the acknowledgements."""
        command, text = typed.command()
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
        if typed.twice:
            await self._deliver(exchange, form, attempt=2)

    async def _deliver(self, exchange: Exchange, form: dict[str, str], attempt: int) -> None:
        url, body = f"{self._base_url()}/webhooks/slack/commands", urlencode(form).encode()
        headers = signature_headers(self._secret, body)
        if attempt > 1:
            headers |= {"x-slack-retry-num": f"{attempt - 1}", "x-slack-retry-reason": _REASON}
        exchange.show(
            "request", attempt=attempt, wire={"request": request_record(url, headers, form)}
        )
        try:
            reply = await post(self._http, url, body, headers, self._ack_s)
        except TimeoutError:
            exchange.show("failure", title=_FAILED.format("operation_timeout"), detail=_TOO_LATE)
        except aiohttp.ClientError as error:
            detail = f"봇에 닿지 않습니다: {type(error).__name__}"
            exchange.show("failure", title=_FAILED.format("dispatch_failed"), detail=detail)
        else:
            self._show_acknowledgement(exchange, reply, attempt)

    def _show_acknowledgement(self, exchange: Exchange, reply: Reply, attempt: int) -> None:
        wire = {"response": reply_record(reply)}
        if reply.status != 200:
            detail = f"HTTP {reply.status} · {_WHY.get(reply.status, '')}".rstrip(" ·")
            title = _FAILED.format("dispatch_failed")
            exchange.show("failure", title=title, detail=detail, wire=wire)
            return
        exchange.show("acknowledged", attempt=attempt, wire=wire)
        if not reply.body.strip():
            return
        message = _acknowledged_message(reply)
        try:
            check_slack_message(message)
        except LimitError as error:
            exchange.show("failure", title=f"{_REFUSED}: {error.code}", detail=str(error))
        else:
            exchange.show("answer", via="ack", **_shown(message))

    def receive_response(self, token: str, raw: bytes) -> tuple[int, dict[str, Any]]:
        """Take a post to a response_url: the HTTP status, and ``ok`` or Slack's error code.

        The statuses of refusals are seen in the field; Slack's guide only names the limits.
        """
        try:
            conversation = self._urls.use(token)
        except UsedAddressError:
            return 404, {"ok": False, "error": "used_url"}
        except ExpiredAddressError:
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


def _acknowledged_message(reply: Reply) -> Any:
    """The message in an acknowledgement: JSON, or plain text as it is."""
    try:
        return reply.json
    except ValueError:
        return {"text": reply.body.decode(errors="replace")}


def _shown(message: dict[str, Any]) -> dict[str, Any]:
    """What the page needs to show a checked message."""
    deletes = message.get("delete_original") is True
    return {
        "view": [] if deletes else rich_text.message(message),
        "ephemeral": message.get("response_type") != "in_channel",
        "replaces": deletes or message.get("replace_original") is True,
    }
