"""Answers to Slack, by Web API or to the response_url.

The Web API needs a token and a bot in the channel, and allows lookups of shown messages. A
response_url works in every channel, without lookups.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any
from uuid import UUID

import structlog
from aiohttp import ClientTimeout

from bot.domain.deliveries import Answer, DeliveryResult, DeliveryVia, Outcome, ReplyHandle
from bot.domain.messenger import LookupOutcome, LookupResult
from bot.http.outbound import OutboundClient, Reply
from bot.messengers.slack.blocks import (
    MAX_FALLBACK_CHARS,
    MAX_MARKDOWN_CHARS,
    answer_message,
    plain_message,
)
from bot.messengers.slack.controls import VOTE_BUTTONS, vote_blocks
from bot.messengers.slack.conversations import room_of
from bot.messengers.slack.refusals import error_code, may_take_plain_text
from bot.messengers.slack.settings import SlackSettings, Visibility
from bot.messengers.slack.slash_command import earliest_command_time, visibility_of
from bot.messengers.slack.threads import SlackThreads
from bot.messengers.slack.web_api import Room, WebApi
from bot.messengers.slack.withdrawal import Withdrawal
from bot.text.catalog import Texts

log = structlog.get_logger(__name__)

#: A route for a message.
Post = Callable[[dict[str, Any]], Awaitable[DeliveryResult]]
#: Begun before it, a POST ends within the ten seconds of a delivery.
LAST_POST_S = 4.8
#: Half the time-out of a delivery: a message that is refused is posted a second time.
POST_TIMEOUT = ClientTimeout(total=4.8, connect=2.5)


class SlackAdapter:
    """The Messenger for Slack."""

    name = "slack"

    def __init__(
        self,
        settings: SlackSettings,
        texts: Texts,
        outbound: OutboundClient,
        web_api: WebApi | None = None,
        threads: SlackThreads | None = None,
    ) -> None:
        """``threads``: None where answers go to response_urls and channels alone."""
        self._settings = settings
        self._texts = texts
        self._outbound = outbound
        self._web_api = web_api or WebApi(settings, outbound)
        self._threads = threads
        self._withdrawal = Withdrawal(self._web_api.api)

    async def deliver(
        self, handle: ReplyHandle, via: DeliveryVia, answer: Answer
    ) -> DeliveryResult:
        """POST the answer to the command's response_url, valid for five POSTs in 30 minutes.

        An answer for a thread has no other route than ``deliver_reconcilably``.
        """
        if self._threads is not None and room_of(handle) is not None:
            return await self._threads.deliver(handle, answer)
        if via is not DeliveryVia.POST:
            return DeliveryResult(outcome=Outcome.REFUSED, detail=f"Slack has no way {via}")
        return await self._first_taken(handle, answer, lambda message: self._post(handle, message))

    @property
    def can_reconcile(self) -> bool:
        """Whether the bot has a token to look up its messages."""
        return self._web_api.has_token

    def is_reconcilable(self, handle: ReplyHandle) -> bool:
        """Whether a message to the thread, or to the command's channel, is worth a try."""
        if (room := room_of(handle)) is not None:
            return self._threads is not None and self._web_api.may_post(room.channel, room.team)
        seen_by_all = visibility_of(handle.address, self._settings) == "in_channel"
        return seen_by_all and self._web_api.may_post(handle.address.get("channel"), _team(handle))

    def has_other_route(self, handle: ReplyHandle) -> bool:
        """Whether a response_url is left: only an answer in a room has none."""
        return room_of(handle) is None

    async def deliver_reconcilably(self, handle: ReplyHandle, answer: Answer) -> DeliveryResult:
        """Post the answer to the thread or the channel, with the turn in its metadata."""
        if self._threads is not None and room_of(handle) is not None:
            return await self._threads.deliver(handle, answer)
        room = Room(team=_team(handle), channel=str(handle.address.get("channel")))

        async def post(message: dict[str, Any]) -> DeliveryResult:
            # response_urls only; a channel's message is public
            public = {name: value for name, value in message.items() if name != "response_type"}
            return (await self._web_api.post(room, answer.turn_id, public)).delivery

        return await self._first_taken(handle, answer, post)

    async def look_up(self, handle: ReplyHandle, turn_id: UUID) -> LookupResult:
        """Look up the turn's message, from the time of the question."""
        if self._threads is not None and room_of(handle) is not None:
            return await self._threads.look_up(handle, turn_id)
        address = handle.address
        channel = address.get("channel")
        if not isinstance(channel, str):
            return LookupResult(outcome=LookupOutcome.UNKNOWN, detail="the channel is not known")
        room = Room(team=_team(handle), channel=channel)
        return await self._web_api.find(
            room, turn_id, earliest_command_time(handle), address.get("app")
        )

    async def withdraw(self, handle: ReplyHandle, message_id: str) -> None:
        """Delete the message of an erased turn from its room."""
        if (room := room_of(handle)) is not None:
            await self._withdrawal.withdraw(room, message_id)

    async def _first_taken(self, handle: ReplyHandle, answer: Answer, post: Post) -> DeliveryResult:
        """Post the message; where Slack clearly refuses it, a plainer one, and plain text at last.

        Nothing was shown by then, and plain text is better than nothing.
        """
        result = DeliveryResult(outcome=Outcome.REFUSED)
        latest = time.monotonic() + LAST_POST_S
        visibility = visibility_of(handle.address, self._settings)
        for message in self._messages(handle, answer, visibility):
            result = await post(message)
            if not may_take_plain_text(result) or time.monotonic() > latest:
                break
            code = error_code(result)
            log.warning("slack_message_refused", turn_id=str(answer.turn_id), code=code)
        return result

    def _messages(
        self, handle: ReplyHandle, answer: Answer, visibility: Visibility
    ) -> Iterator[dict[str, Any]]:
        message = answer_message(answer, handle.address, self._texts, visibility)
        for native in VOTE_BUTTONS[self._settings.feedback] if answer.answered else ():
            buttons = vote_blocks(answer.turn_id, self._texts, native=native)
            yield {**message, "blocks": [*message["blocks"], *buttons]}
        yield message
        for max_chars in (MAX_MARKDOWN_CHARS, MAX_FALLBACK_CHARS):
            yield plain_message(
                answer, handle.address, self._texts, visibility, max_chars=max_chars
            )

    async def _post(self, handle: ReplyHandle, message: dict[str, Any]) -> DeliveryResult:
        return await self._outbound.post_json(
            handle.address.get("response_url"),
            message,
            hosts=self._settings.response_hosts,
            judge=judge_response,
            limits=POST_TIMEOUT,
        )


def _team(handle: ReplyHandle) -> str:
    """The workspace; empty in handles of the previous version, which knew one only."""
    return str(handle.address.get("team") or "")


def judge_response(reply: Reply) -> DeliveryResult:
    """Read the response of a response_url: "ok", or an error code as text or as JSON.

    After 429 nothing was shown, and a retry is allowed. HTTP 5xx may follow an accepted message,
    which a second POST would show twice: UNCONFIRMED.
    """
    code = _error_code(reply.body)
    detail = f"HTTP {reply.status} {code}".rstrip()
    if reply.status == 429:
        return DeliveryResult(
            outcome=Outcome.RETRY, detail=detail, retry_after_s=reply.retry_after_s
        )
    if reply.status >= 500:
        return DeliveryResult(outcome=Outcome.UNCONFIRMED, detail=detail)
    refused = reply.status >= 300 or bool(code)
    return DeliveryResult(outcome=Outcome.REFUSED if refused else Outcome.DELIVERED, detail=detail)


def _error_code(body: bytes) -> str:
    """Slack's error code, such as "used_url"; empty for "ok" and any other text."""
    text = body.decode("utf-8", "replace").strip()
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        document = {"error": text}
    error = document.get("error") if isinstance(document, dict) else None
    known = isinstance(error, str) and error != "ok" and re.fullmatch(r"[a-z_]{1,60}", error)
    return str(error) if known else ""
