"""Two methods of Slack's Web API: post a message that names its turn, and find it again.

Without slack_sdk's client: it raises the same error for a refused and for a cut connection, reads
responses of any size and repeats calls by itself. Here it matters what was sent.
"""

from __future__ import annotations

import asyncio
import re
import time
from typing import Any
from uuid import UUID

import structlog
from aiohttp import ClientTimeout
from yarl import URL

from bot.domain.deliveries import DeliveryResult, Outcome
from bot.domain.messenger import LookupOutcome, LookupResult
from bot.http.outbound import NoReply, OutboundClient, Reply, encode_json
from bot.messengers.slack.refusals import OF_THE_CHANNEL, error_code
from bot.messengers.slack.settings import SlackSettings

log = structlog.get_logger(__name__)

#: The metadata by which a message is found again: the turn's id, no personal data.
EVENT_TYPE = "bllossom_turn"
#: Half the time-out of a delivery, as for a response_url.
TIMEOUT = ClientTimeout(total=4.8, connect=2.5)
#: The response repeats the message, with Hangul as \\uXXXX.
MAX_REPLY_BYTES = 1024 * 1024
#: A page of answers of the maximum length.
MAX_PAGE_BYTES = 10 * 1024 * 1024
#: The maximum of a channel's history that is read.
PAGE, MAX_PAGES = 100, 6
#: The pause between two queries of one bot; Slack allows fifty a minute (tier 3) to all together.
PACE_S = 3.0
#: The time for which a channel's refusal is remembered, and the maximum of such channels.
CLOSED_S, MAX_CLOSED = 600.0, 10_000

#: Ambiguous errors: the message may have been posted.
_UNCLEAR = frozenset(
    {"fatal_error", "internal_error", "request_timeout", "service_unavailable", "team_added_to_org"}
)
_LATER = frozenset({"ratelimited", "rate_limited", "message_limit_exceeded"})


class WebApi:
    """Slack's Web API as the bot user; its token goes to the one origin in the settings."""

    def __init__(self, settings: SlackSettings, outbound: OutboundClient) -> None:
        token = settings.bot_token.get_secret_value()
        #: Empty if the setting is not valid as a header.
        self._token = token if re.fullmatch(r"xoxb-[\w-]+", token, re.ASCII) else ""
        self._url = settings.api_url.rstrip("/")
        self._hosts = (origin_of(settings.api_url),)
        self._outbound = outbound
        self._closed: dict[str, float] = {}
        self._next_read = 0.0

    @property
    def has_token(self) -> bool:
        """Whether the Web API can be called."""
        return bool(self._token)

    def may_post(self, channel: object) -> bool:
        """Whether a message to this channel is worth a try."""
        if not self._token or not isinstance(channel, str):
            return False
        return self._closed.get(channel, 0.0) <= time.monotonic()

    async def post(self, channel: str, turn_id: UUID, message: dict[str, Any]) -> DeliveryResult:
        """Call chat.postMessage once; a success's detail holds channel and ts."""
        metadata = {"event_type": EVENT_TYPE, "event_payload": {"turn_id": str(turn_id)}}
        # Slack must not fetch addresses that the model has written.
        quiet = {"unfurl_links": False, "unfurl_media": False}
        document = {"channel": channel, "metadata": metadata, **quiet, **message}
        reply = await self._call("chat.postMessage", document, MAX_REPLY_BYTES)
        if isinstance(reply, NoReply):
            return DeliveryResult(outcome=reply.outcome, detail=reply.detail)
        result = judge_post(reply)
        if result.outcome is Outcome.REFUSED and error_code(result) in OF_THE_CHANNEL:
            self._close(channel, result.detail)
        return result

    async def find(self, channel: str, turn_id: UUID, since: float, app: object) -> LookupResult:
        """Look up a turn's message in the channel's history from ``since``, in Unix seconds.

        ``app``: the id of the bot's own app, or None.
        """
        query: dict[str, Any] = {
            "channel": channel,
            "oldest": f"{since:.6f}",
            "inclusive": True,
            "include_all_metadata": True,
            "limit": PAGE,
        }
        read = 0
        for _ in range(MAX_PAGES):
            await self._pace()
            page = _page(await self._call("conversations.history", query, MAX_PAGE_BYTES))
            if isinstance(page, LookupResult):
                return page
            messages, cursor = page
            named = [(message, _turn_of(message)) for message in messages]
            if found := [message for message, turn in named if turn == str(turn_id)]:
                return LookupResult(
                    outcome=LookupOutcome.FOUND, detail=f"found at {channel} {found[0].get('ts')}"
                )
            # Slack may withhold metadata: then an absence is not certain.
            if any(not turn and _is_of(message, app) for message, turn in named):
                return _unknown(f"{channel} has a message of this app that names no turn")
            read += len(messages)
            if not cursor:
                detail = f"not among {read} messages of {channel}"
                return LookupResult(outcome=LookupOutcome.ABSENT, detail=detail)
            query["cursor"] = cursor
        return _unknown(f"{channel} has more than {read} messages since")

    async def granted(self) -> tuple[frozenset[str], str]:
        """The token's scopes, by auth.test; or none, and the reason."""
        if not self._token:
            return frozenset(), "it is no bot token: those are xoxb-, letters, digits and dashes"
        reply = await self._call("auth.test", {}, MAX_REPLY_BYTES)
        if isinstance(reply, NoReply):
            return frozenset(), f"Slack's Web API: {reply.detail}"
        document = reply.document
        if document.get("ok") is not True:
            return frozenset(), f"Slack says HTTP {reply.status} {_error(document)}".rstrip()
        named = reply.headers.get("x-oauth-scopes", "")
        return frozenset(scope.strip() for scope in named.split(",")), ""

    async def _call(self, method: str, document: dict[str, Any], max_bytes: int) -> Reply | NoReply:
        return await self._outbound.exchange(
            f"{self._url}/{method}",
            encode_json(document),
            hosts=self._hosts,
            limits=TIMEOUT,
            headers={"Authorization": f"Bearer {self._token}"},
            max_bytes=max_bytes,
        )

    async def _pace(self) -> None:
        now = time.monotonic()
        begins = max(now, self._next_read)
        self._next_read = begins + PACE_S
        await asyncio.sleep(begins - now)

    def _close(self, channel: str, detail: str) -> None:
        if len(self._closed) >= MAX_CLOSED:
            del self._closed[next(iter(self._closed))]
        self._closed[channel] = time.monotonic() + CLOSED_S
        log.info("slack_channel_closed", detail=detail)


def origin_of(url: str) -> str:
    """The origin of a URL for ``allowed``; empty, which allows nothing, for an invalid URL."""
    try:
        return str(URL(url).origin())
    except ValueError:
        return ""


def judge_post(reply: Reply) -> DeliveryResult:
    """Read the response to chat.postMessage; neither "ok" nor an error: UNCONFIRMED."""
    document = reply.document
    error = _error(document)
    detail = f"HTTP {reply.status} {error}".rstrip()
    if reply.status == 429 or error in _LATER:
        return DeliveryResult(
            outcome=Outcome.RETRY, detail=detail, retry_after_s=reply.retry_after_s
        )
    if reply.status >= 500 or error in _UNCLEAR:
        return DeliveryResult(outcome=Outcome.UNCONFIRMED, detail=detail)
    if document.get("ok") is True:
        place = f"{document.get('channel')} {document.get('ts')}"
        return DeliveryResult(outcome=Outcome.DELIVERED, detail=f"{detail}, {place}")
    refused = bool(error) or reply.status >= 300
    return DeliveryResult(
        outcome=Outcome.REFUSED if refused else Outcome.UNCONFIRMED, detail=detail
    )


def _page(reply: Reply | NoReply) -> tuple[list[dict[str, Any]], str] | LookupResult:
    """The messages of a page and the next page's cursor, or the reason for none."""
    if isinstance(reply, NoReply):
        return _unknown(reply.detail)
    document = reply.document
    messages, further = document.get("messages"), document.get("response_metadata")
    if document.get("ok") is not True or not isinstance(messages, list):
        return _unknown(f"HTTP {reply.status} {_error(document)}".rstrip(), reply.retry_after_s)
    cursor = further.get("next_cursor") if isinstance(further, dict) else None
    if document.get("has_more") and not cursor:
        return _unknown("more messages and no cursor")
    return [message for message in messages if isinstance(message, dict)], str(cursor or "")


def _unknown(why: str, retry_after_s: float | None = None) -> LookupResult:
    detail = f"conversations.history: {why}"
    return LookupResult(outcome=LookupOutcome.UNKNOWN, detail=detail, retry_after_s=retry_after_s)


def _turn_of(message: dict[str, Any]) -> str:
    """The turn in a message's metadata, or ""."""
    metadata = message.get("metadata")
    if not isinstance(metadata, dict) or metadata.get("event_type") != EVENT_TYPE:
        return ""
    payload = metadata.get("event_payload")
    turn = payload.get("turn_id") if isinstance(payload, dict) else None
    return turn if isinstance(turn, str) else ""


def _is_of(message: dict[str, Any], app: object) -> bool:
    """Whether the message was, or may have been, posted by our app."""
    if not message.get("bot_id"):
        return False
    return app is None or message.get("app_id") in (None, app)


def _error(document: dict[str, Any]) -> str:
    error = document.get("error")
    return error if isinstance(error, str) and re.fullmatch(r"[a-z_]{1,60}", error) else ""
