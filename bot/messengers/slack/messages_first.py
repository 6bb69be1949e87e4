"""Messages, received in bolt before it looks for a token and a listener: they need neither.

They are most of what Slack sends. Past them bolt takes 20 us of a message, with them 65.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from slack_bolt.middleware.async_middleware import AsyncMiddleware
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse

from bot.messengers.slack.ids import field

#: Receives an event and the body that it came in; returns once the message is committed.
ReceiveMessage = Callable[[dict[str, Any], dict[str, Any], AsyncBoltRequest], Awaitable[None]]

_KINDS = ("message", "app_mention")


class MessagesFirst(AsyncMiddleware):
    """The first middleware of the app; all but messages goes on to the others."""

    def __init__(self, receive: ReceiveMessage) -> None:
        self._receive = receive

    async def async_process(
        self,
        *,
        req: AsyncBoltRequest,
        resp: BoltResponse,  # noqa: ARG002 - None after another middleware
        next: Callable[[], Awaitable[BoltResponse]],  # noqa: A002 - bolt's own name
    ) -> BoltResponse:
        """Receive a message; its exceptions go to the app's error handler."""
        event = field(req.body, "event")
        if req.body.get("type") != "event_callback" or field(event, "type") not in _KINDS:
            return await next()
        await self._receive(event, req.body, req)
        return BoltResponse(status=200, body="")
