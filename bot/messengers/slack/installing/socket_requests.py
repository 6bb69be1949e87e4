"""The requests of Socket Mode for the endpoint of HTTP: the same listeners, without a signature.

The connection was opened with the app's token, over TLS: who speaks there is Slack.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from bot.messengers.slack.endpoint import SlackEndpoint
from bot.messengers.slack.installing.socket_mode import SERVER_ERROR, Receive, SocketRequest
from bot.messengers.slack.listeners import RETRY_HEADER
from bot.messengers.slack.request_fields import event_fields, press_fields


class NotHandledError(Exception):
    """The endpoint has answered with a server error."""


def socket_requests(endpoint: SlackEndpoint) -> Receive:
    """Handle envelopes as the endpoint handles HTTP requests."""

    async def receive(request: SocketRequest) -> Mapping[str, Any] | None:
        retry = {RETRY_HEADER: str(request.retry_attempt)} if request.retry_attempt else {}
        status, _, body = await endpoint.receive(_fields(request), datetime.now(UTC), retry)
        if status >= SERVER_ERROR:
            raise NotHandledError(f"HTTP {status}")
        return _payload(body)

    return receive


def _fields(request: SocketRequest) -> dict[str, Any]:
    """The request's fields as the HTTP routes read them. Raises Refusal(400)."""
    if request.kind == "slash_commands":
        return {name: value for name, value in request.payload.items() if isinstance(value, str)}
    if request.kind == "interactive":
        return press_fields(request.payload)
    return event_fields(request.payload)


def _payload(body: bytes) -> dict[str, Any] | None:
    """The body of an acknowledgement; None for an empty one."""
    try:
        document = json.loads(body)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None
