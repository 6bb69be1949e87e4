"""POST /webhooks/slack/...: one signature and one guard for commands, events, interactivity."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import structlog
from aiohttp import web

from bot.conversation.inbox import StoreDownError
from bot.domain.messenger import Incoming, Refusal
from bot.http.body import read_body
from bot.http.outbound import encode_json
from bot.messengers.parsing import json_object, utf8
from bot.messengers.slack.bolt import HttpAnswer, bolt_app, dispatch
from bot.messengers.slack.commands import Acknowledgement
from bot.messengers.slack.ids import known_word, slack_id
from bot.messengers.slack.listeners import RETRY_HEADER, Listeners
from bot.messengers.slack.request_fields import event_fields, is_known, press_fields
from bot.messengers.slack.settings import SlackSettings
from bot.messengers.slack.slash_command import (
    is_json,
    read_command,
    read_form,
    verify_signature,
)
from bot.observability.metrics import UNKNOWN_REQUESTS

log = structlog.get_logger(__name__)

#: Receives a command and returns its acknowledgement, within Slack's three seconds.
Receive = Callable[[Incoming], Awaitable[Acknowledgement]]


class SlackEndpoint:
    """Verifies and reads Slack's requests; commands go to ``receive``, the rest to bolt."""

    def __init__(
        self,
        settings: SlackSettings,
        receive: Receive,
        listeners: Listeners | None = None,
        *,
        max_chars: int,
    ) -> None:
        self._settings = settings
        self._receive = receive
        self._max_chars = max_chars
        self._bolt = bolt_app(settings, listeners.messages if listeners else None)
        if listeners is not None:
            listeners.add_to(self._bolt)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer a request to any of the three routes."""
        body = await read_body(request)
        status, headers, text = await self.dispatch(request.headers, body)
        return web.Response(status=status, headers=headers, body=text)

    async def dispatch(self, headers: Mapping[str, str], body: bytes) -> HttpAnswer:
        """Answer one request; ``headers`` is case-insensitive.

        A command is acknowledged only after ``receive`` has returned. Raises Refusal 401 for a
        wrong signature, 400 for a malformed request, and the errors of ``receive``.
        """
        received_at = datetime.now(UTC)
        verify_signature(headers, body, self._settings, received_at)
        text = utf8(body)
        fields = event_fields(json_object(text)) if is_json(headers, text) else _form(text)
        return await self.receive(fields, received_at, headers)

    async def receive(
        self, fields: dict[str, Any], received_at: datetime, headers: Mapping[str, str]
    ) -> HttpAnswer:
        """Answer a verified, parsed request, however it came.

        Raises Refusal(503) where Slack is to send an event again.
        """
        if "command" in fields and fields.get("ssl_check") != "1":
            return await self._acknowledge(fields, received_at)
        if fields.get("type") == "app_rate_limited":
            # Slack sends no more of this workspace's events for a minute: people get no answers.
            log.warning("slack_events_withheld", team=slack_id(fields.get("team_id")))
            return 200, {}, b""
        if not is_known(fields):
            UNKNOWN_REQUESTS.labels("slack", "request").inc()
            log.info("slack_request_unknown", kind=known_word(fields.get("type")))
            return 200, {}, b""
        retry = headers.get(RETRY_HEADER)
        try:
            return await dispatch(self._bolt, fields, {RETRY_HEADER: retry} if retry else None)
        except StoreDownError:
            raise Refusal(503, "not stored: send it again") from None

    async def _acknowledge(self, fields: Mapping[str, str], received_at: datetime) -> HttpAnswer:
        """Acknowledge a command, without bolt: no call to Slack is needed."""
        incoming = read_command(fields, received_at, self._settings, max_chars=self._max_chars)
        acknowledgement = await self._receive(incoming)
        body = encode_json(acknowledgement.document)
        return 200, {"content-type": "application/json; charset=utf-8"}, body


def _form(text: str) -> dict[str, Any]:
    fields = read_form(text)
    if "payload" in fields:
        return press_fields(json_object(fields["payload"]))
    if "command" not in fields and fields.get("ssl_check") != "1":
        raise Refusal(400, "neither a command nor a payload")
    return dict(fields)
