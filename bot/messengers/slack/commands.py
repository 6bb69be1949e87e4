"""Slash commands inside bolt, ahead of everything that only other requests need."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from slack_bolt.async_app import AsyncBoltRequest
from slack_bolt.middleware.async_middleware import AsyncMiddleware
from slack_bolt.response import BoltResponse

from bot.messengers import Incoming
from bot.messengers.slack.request import read_command
from bot.settings import Settings

#: Takes a command and returns the sentence that acknowledges it, within Slack's three seconds.
Receive = Callable[[Incoming], Awaitable[str]]


class Commands(AsyncMiddleware):
    """Acknowledges a command once ``receive`` returned.

    A middleware before authorization and no listener: a command calls nothing of Slack's, and
    choosing a listener, its arguments and a token took more time than everything else about it.
    """

    def __init__(self, settings: Settings, receive: Receive) -> None:
        self._settings = settings
        self._receive = receive

    async def async_process(
        self,
        *,
        req: AsyncBoltRequest,
        resp: BoltResponse,  # noqa: ARG002 - bolt's signature
        next: Callable[[], Awaitable[BoltResponse]],  # noqa: A002
    ) -> BoltResponse:
        """Answer a command; pass on everything else."""
        if "command" not in req.body:
            return await next()
        incoming = read_command(req.body, req.context["received_at"], self._settings)
        sentence = await self._receive(incoming)
        return BoltResponse(status=200, body={"text": sentence, "response_type": "ephemeral"})
