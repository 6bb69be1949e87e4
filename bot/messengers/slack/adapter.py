"""Slack: slash commands, and slack_bolt for the rest; answers by Web API or to the response_url.

The Web API needs a token and a bot in the channel, and then tells afterwards whether a message
was shown. A response_url works everywhere and tells nothing.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from aiohttp import ClientSession, ClientTimeout
from slack_bolt.async_app import AsyncApp, AsyncBoltRequest
from slack_bolt.authorization import AuthorizeResult
from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.deliveries import Answer, DeliveryResult, DeliveryVia, Outcome, ReplyHandle
from bot.domain.messenger import Incoming, LookupOutcome, LookupResult, Refusal
from bot.http.outbound import Reply, post_json
from bot.messengers.parsing import json_object, utf8
from bot.messengers.slack.blocks import answer_message
from bot.messengers.slack.slash_command import (
    asked_after,
    is_json,
    read_command,
    read_form,
    verify_signature,
)
from bot.messengers.slack.web_api import WebApi
from bot.settings import Settings

__all__ = ["Receive", "Slack"]

HttpAnswer = tuple[int, dict[str, str], bytes]  #: status, headers, body

#: Takes a command and returns the sentence that acknowledges it, within Slack's three seconds.
Receive = Callable[[Incoming], Awaitable[str]]

#: Half of what a delivery may take: a message whose blocks are refused is posted once more.
POST_TIMEOUT = ClientTimeout(total=4.8, connect=2.5)


class Slack:
    """The Messenger for Slack, and the bolt app behind its three routes."""

    name = "slack"

    def __init__(self, settings: Settings, session: ClientSession, receive: Receive) -> None:
        self._settings = settings
        self._session = session
        self._web_api = WebApi(settings, session)
        self._receive = receive
        self._bolt = self._bolt_app()

    async def dispatch(self, headers: Mapping[str, str], body: bytes) -> HttpAnswer:
        """Answer one request to any of the routes; ``headers`` is case-insensitive.

        The command is acknowledged only after ``receive`` returned. Raises Refusal 401 for
        what Slack did not sign, 400 for what it would not send, and whatever ``receive`` raises.
        """
        received_at = datetime.now(UTC)
        verify_signature(headers, body, self._settings, received_at)
        text = utf8(body)
        fields = self._event(text) if is_json(headers, text) else self._form(text)
        if fields is None:
            return 200, {}, b""
        if "command" in fields and fields.get("ssl_check") != "1":
            return await self._acknowledge(fields, received_at)
        return await self._ask_bolt(fields)

    async def deliver(
        self, handle: ReplyHandle, via: DeliveryVia, answer: Answer
    ) -> DeliveryResult:
        """POST the answer to the command's response_url, which takes five within 30 minutes."""
        if via is not DeliveryVia.POST:
            return DeliveryResult(outcome=Outcome.REFUSED, detail=f"Slack has no way {via}")
        message = answer_message(answer, handle.address, self._settings)
        return await _plainly_at_last(message, lambda: self._post(handle, message))

    @property
    def can_reconcile(self) -> bool:
        """Whether the bot may read what it has written."""
        return self._web_api.has_token

    def is_reconcilable(self, handle: ReplyHandle) -> bool:
        """Whether a message to the command's channel is worth a try."""
        seen_by_all = self._settings.slack_command_visibility == "in_channel"
        return seen_by_all and self._web_api.may_post(handle.address.get("channel"))

    async def deliver_reconcilably(self, handle: ReplyHandle, answer: Answer) -> DeliveryResult:
        """Post the answer to the command's channel, with the turn in its metadata."""
        channel = str(handle.address.get("channel"))
        message = answer_message(answer, handle.address, self._settings)
        del message["response_type"]  # a word for response_urls; a channel's message is for all
        return await _plainly_at_last(
            message, lambda: self._web_api.post(channel, answer.turn_id, message)
        )

    async def look_up(self, handle: ReplyHandle, turn_id: UUID) -> LookupResult:
        """Look for the turn's message in the channel, from when the command was given."""
        address = handle.address
        channel = address.get("channel")
        if not isinstance(channel, str):
            return LookupResult(outcome=LookupOutcome.UNKNOWN, detail="the channel is not known")
        return await self._web_api.find(channel, turn_id, asked_after(handle), address.get("app"))

    async def _acknowledge(self, fields: Mapping[str, str], received_at: datetime) -> HttpAnswer:
        """Answer a command. It calls nothing of Slack's, so nothing of bolt's is needed."""
        sentence = await self._receive(read_command(fields, received_at, self._settings))
        body = json.dumps({"text": sentence, "response_type": "ephemeral"}, ensure_ascii=False)
        return 200, {"content-type": "application/json; charset=utf-8"}, body.encode()

    async def _ask_bolt(self, fields: dict[str, Any]) -> HttpAnswer:
        # bolt parses again what it gets as a body, and differently: in this mode it does not.
        request = AsyncBoltRequest(body=fields, mode="socket_mode")
        response = await self._bolt.async_dispatch(request)
        headers = dict(response.first_headers_without_set_cookie())
        return response.status, headers, response.body.encode()

    async def _post(self, handle: ReplyHandle, message: dict[str, Any]) -> DeliveryResult:
        return await post_json(
            self._session,
            handle.address.get("response_url"),
            message,
            hosts=self._settings.slack_response_hosts,
            judge=judge_response,
            limits=POST_TIMEOUT,
        )

    def _event(self, text: str) -> dict[str, Any] | None:
        """The request that bolt answers, or None where the acknowledgement is all there is yet."""
        document = json_object(text)
        kind, challenge = document.get("type"), document.get("challenge")
        if not isinstance(kind, str):
            raise Refusal(400, "an event needs a type")
        if kind != "url_verification":
            return None
        if not isinstance(challenge, str):
            raise Refusal(400, "a url_verification needs a challenge")
        return {"type": kind, "challenge": challenge}

    def _form(self, text: str) -> dict[str, Any] | None:
        fields = read_form(text)
        if "payload" in fields:
            json_object(fields["payload"])
            return None
        if "command" not in fields and fields.get("ssl_check") != "1":
            raise Refusal(400, "neither a command nor a payload")
        return dict(fields)

    def _bolt_app(self) -> AsyncApp:
        token = self._settings.slack_bot_token.get_secret_value()

        # A function and no method: bolt reads the parameters' names, and would pass a "self".
        async def authorize(enterprise_id: str | None, team_id: str | None) -> AuthorizeResult:
            """One workspace, one token from the settings: no auth.test call per request."""
            return AuthorizeResult(enterprise_id=enterprise_id, team_id=team_id, bot_token=token)

        logger = logging.getLogger("slack_bolt")
        # Below that bolt logs whole requests, the people's words and the tokens among them.
        logger.setLevel(logging.WARNING)
        app = AsyncApp(
            name="bllossom",
            logger=logger,
            process_before_response=True,
            authorize=authorize,
            client=AsyncWebClient(base_url=self._settings.slack_api_url),
            # Done before anything is parsed; bolt's own would answer 500 to odd headers.
            request_verification_enabled=False,
        )
        app.error(_raise)
        return app


async def _plainly_at_last(
    message: dict[str, Any], post: Callable[[], Awaitable[DeliveryResult]]
) -> DeliveryResult:
    """Post the message, and once more as plain text where its blocks are refused."""
    result = await post()
    if result.outcome is Outcome.REFUSED and "blocks" in result.detail:
        # Nothing was shown: plain text is better than no answer.
        del message["blocks"]
        result = await post()
    return result


async def _raise(error: Exception) -> None:
    """Give a listener's exception to whoever called dispatch, rather than a 500 from bolt."""
    raise error


def judge_response(reply: Reply) -> DeliveryResult:
    """Read the answer of a response_url: "ok", or an error word as text or as JSON.

    429 was shown to nobody and may be tried again. HTTP 5xx may come after Slack took the
    message, and a second POST would show it twice: UNCONFIRMED.
    """
    word = _error_word(reply.body)
    detail = f"HTTP {reply.status} {word}".rstrip()
    if reply.status == 429:
        return DeliveryResult(
            outcome=Outcome.RETRY, detail=detail, retry_after_s=reply.retry_after_s
        )
    if reply.status >= 500:
        return DeliveryResult(outcome=Outcome.UNCONFIRMED, detail=detail)
    refused = reply.status >= 300 or bool(word)
    return DeliveryResult(outcome=Outcome.REFUSED if refused else Outcome.DELIVERED, detail=detail)


def _error_word(body: bytes) -> str:
    """Slack's error code, such as "used_url"; empty for "ok" and for what is no code."""
    text = body.decode("utf-8", "replace").strip()
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        document = {"error": text}
    error = document.get("error") if isinstance(document, dict) else None
    known = isinstance(error, str) and error != "ok" and re.fullmatch(r"[a-z_]{1,60}", error)
    return str(error) if known else ""
