"""Slash commands of the simulator's people, and what the bot posts to their response_urls."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Annotated, Any
from urllib.parse import urlencode

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from bot.messengers.slack import rich_text
from bot.messengers.slack.commands import SHOW_COMMAND
from bot.messengers.slack.platform_limits import (
    ACK_TIMEOUT_S,
    RESPONSE_URL_LIFETIME_S,
    RESPONSE_URL_USES,
    check_slack_message,
)
from bot.messengers.slack.simulated_events import retry_headers
from bot.messengers.slack.simulated_requests import COMMAND, command_form, signature_headers
from bot.messengers.slack.simulated_workspace.messages import own_message
from bot.messengers.slack.simulator_deliveries import SlackDeliveries, SlackRequest
from bot.messengers.slack.simulator_visitors import Visitors
from bot.simulator.expiring_urls import ExpiredUrlError, ExpiringUrls, UsedUrlError
from bot.simulator.limits import LimitError
from bot.simulator.sessions import MAX_MESSAGE_CHARS, Exchange, not_blank
from bot.simulator.webhook_client import Reply, WebhookClient, reply_record

_REFUSED = "Slack이 메시지를 거절했습니다"
_ONLY = "이 워크스페이스에는 /bllossom만 설치되어 있습니다."


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
        visitors: Visitors | None = None,
        *,
        ack_s: float = ACK_TIMEOUT_S,
        response_s: float = RESPONSE_URL_LIFETIME_S,
    ) -> None:
        self._deliveries = SlackDeliveries(client, base_url, ack_s=ack_s)
        self._secret = signing_secret
        self._visitors = visitors or Visitors("")
        self._urls: ExpiringUrls[_Conversation] = ExpiringUrls(
            lifetime_s=response_s, uses=RESPONSE_URL_USES
        )

    async def send(self, exchange: Exchange, message: PageMessage) -> None:
        """Send one command, once or twice, and show the acknowledgements."""
        command, text = message.command()
        visitor = self._visitors.of(exchange)
        exchange.show("utterance", command=command, text=text, user_id=visitor.user)
        if command != COMMAND:
            exchange.show("failure", title=f"{command}: 없는 명령입니다", detail=_ONLY)
            return
        form = command_form(
            text,
            self.new_response_url(exchange),
            user_id=visitor.user,
            channel_id=visitor.channel,
            trigger_id=self._visitors.workspace.views.new_trigger(visitor.user),
        )
        body = urlencode(form).encode()
        request = SlackRequest(
            path="commands",
            body=body,
            headers=signature_headers(self._secret, body),
            shown=form,
            name=COMMAND,
        )
        await self._deliver(exchange, request, attempt=1)
        if message.twice:
            repeated = {**request.headers, **retry_headers(1)}
            await self._deliver(exchange, replace(request, headers=repeated), attempt=2)

    def new_response_url(self, exchange: Exchange) -> str:
        """A URL whose posts are shown in the exchange."""
        token = self._urls.issue(_Conversation(exchange))
        return f"{self._deliveries.origin}/simulator/slack/response/{token}"

    async def _deliver(self, exchange: Exchange, request: SlackRequest, attempt: int) -> None:
        record = self._deliveries.record(request)
        exchange.show("request", attempt=attempt, wire={"request": record})
        reply = await self._deliveries.post(exchange, request)
        if reply is not None:
            self._show_acknowledgement(exchange, reply, attempt)

    def _show_acknowledgement(self, exchange: Exchange, reply: Reply, attempt: int) -> None:
        exchange.show("acknowledged", attempt=attempt, wire={"response": reply_record(reply)})
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
            ts=self._keep(conversation.exchange, message),
            wire={"callback": message, "response": {"status": 200, "body": "ok"}},
            **_shown(message),
        )
        return 200, {"ok": True}

    def _keep(self, exchange: Exchange, message: dict[str, Any]) -> str:
        """Keep a message so that its buttons can be pressed; its ts."""
        state = self._visitors.workspace.state
        room = state.directory.room(self._visitors.of(exchange).channel)
        blocks = message.get("blocks") or []
        kept = own_message(state, text=str(message.get("text", "")), blocks=blocks)
        state.keep(room.ephemeral, kept)
        return kept.ts

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
