"""Calls of Slack's Web API, each once, with the outcome told exactly.

Without slack_sdk's client: it raises the same error for a refused and for a cut connection, reads
responses of any size and repeats calls by itself. Here it matters what was sent.
"""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import structlog
from aiohttp import ClientTimeout

from bot.domain.deliveries import DeliveryResult, Outcome
from bot.http.origin import origin_of
from bot.http.outbound import NoReply, OutboundClient, Reply, encode_json
from bot.messengers.slack.settings import SlackSettings
from bot.messengers.slack.tokens import TokenSource
from runtime.database import DATABASE_ERRORS

log = structlog.get_logger(__name__)

#: Half the time-out of a delivery, as for a response_url.
TIMEOUT = ClientTimeout(total=4.8, connect=2.5)
#: The response repeats the message, with Hangul as \\uXXXX.
MAX_REPLY_BYTES = 1024 * 1024
#: The longest pause that is believed and waited for within one call.
MAX_PAUSE_S = 30.0
#: The longest that is told to a delivery, which lives for half an hour.
MAX_RETRY_AFTER_S = 300.0
#: The pauses before an idempotent call is repeated that has no clear answer.
REPEAT_AFTER_S = (0.5, 2.0)
#: The pauses that are remembered: per workspace and method.
MAX_PAUSES = 10_000

#: Ambiguous errors: the call may have had its effect.
_UNCLEAR = frozenset(
    {"fatal_error", "internal_error", "request_timeout", "service_unavailable", "team_added_to_org"}
)
_LATER = frozenset({"ratelimited", "rate_limited", "message_limit_exceeded"})
_READING = frozenset(
    {
        "chat.getPermalink",
        "conversations.history",
        "conversations.info",
        "conversations.replies",
        "users.info",
    }
)
#: The token is worth nothing any more.
_REVOKED = frozenset({"account_inactive", "invalid_auth", "token_expired", "token_revoked"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiResult:
    """The outcome of one call; DELIVERED: it had its effect."""

    outcome: Outcome
    detail: str
    error: str = ""  #: Slack's word
    document: dict[str, Any]
    retry_after_s: float | None = None
    tried: bool = True  #: False: Slack was not called

    @property
    def ok(self) -> bool:
        """Whether Slack says that the call had its effect."""
        return self.outcome is Outcome.DELIVERED

    @property
    def delivery(self) -> DeliveryResult:
        """The same for the delivery of an answer."""
        return DeliveryResult(
            outcome=self.outcome,
            detail=self.detail,
            retry_after_s=self.retry_after_s,
            tried=self.tried,
        )


class SlackApi:
    """The Web API of all workspaces; tokens go to the one origin in the settings.

    A workspace that is asked to pause is not called before the end of the pause: the others are.
    """

    def __init__(
        self, settings: SlackSettings, outbound: OutboundClient, tokens: TokenSource
    ) -> None:
        self._url = settings.api_url.rstrip("/")
        self._hosts = (origin_of(settings.api_url),)
        self._outbound = outbound
        self._tokens = tokens
        self._pauses: dict[tuple[str, str], float] = {}

    @property
    def available(self) -> bool:
        """Whether any workspace has a token."""
        return self._tokens.available

    async def call(
        self,
        method: str,
        document: dict[str, Any],
        *,
        team: str,
        max_bytes: int = MAX_REPLY_BYTES,
        keep_alive: bool = False,
    ) -> ApiResult:
        """Call the method once. ``keep_alive``: a connection that died unnoticed may be used."""
        if (pause_s := self._pause_s(team, method)) > 0:
            return _paused(pause_s)
        try:
            token = await self._tokens.token(team)
        except DATABASE_ERRORS:
            return ApiResult(outcome=Outcome.RETRY, detail="Postgres is gone", document={})
        if not token:
            return ApiResult(outcome=Outcome.REFUSED, detail="no token", document={})
        body, content_type = _encoded(method, document)
        reply = await self._outbound.exchange(
            f"{self._url}/{method}",
            body,
            hosts=self._hosts,
            limits=TIMEOUT,
            headers={"Authorization": f"Bearer {token}", "Content-Type": content_type},
            max_bytes=max_bytes,
            keep_alive=keep_alive,
        )
        result = read_result(reply)
        if result.retry_after_s is not None and result.outcome is Outcome.RETRY:
            self._remember_pause(team, method, result.retry_after_s)
        if result.error in _REVOKED:
            self._tokens.drop(team, token)
        return result

    async def call_until_clear(
        self, method: str, document: dict[str, Any], *, team: str
    ) -> ApiResult:
        """Call an idempotent method; repeated after a pause that Slack asks for, or without answer.

        Takes half a minute at most.
        """
        until = time.monotonic() + MAX_PAUSE_S
        for pause_s in (*REPEAT_AFTER_S, None):
            result = await self.call(method, document, team=team, keep_alive=True)
            if result.outcome not in (Outcome.RETRY, Outcome.UNCONFIRMED) or pause_s is None:
                return result
            wait_s = max(result.retry_after_s or 0.0, pause_s)
            if time.monotonic() + wait_s > until:
                return result
            await asyncio.sleep(wait_s)
        raise AssertionError("the last round returns")

    async def call_after_pause(
        self, method: str, document: dict[str, Any], *, team: str
    ) -> ApiResult:
        """Call the method; once more after a pause that Slack asks for, when nothing was done."""
        result = await self.call(method, document, team=team)
        if result.outcome is not Outcome.RETRY or (result.retry_after_s or 0.0) > MAX_PAUSE_S:
            return result
        await asyncio.sleep(max(result.retry_after_s or 0.0, REPEAT_AFTER_S[0]))
        return await self.call(method, document, team=team)

    async def granted(self, team: str = "") -> tuple[frozenset[str], str]:
        """The token's scopes, by auth.test; or none, and the reason."""
        token = await self._tokens.token(team)
        if not token:
            return frozenset(), "it is no bot token: those are xoxb-, letters, digits and dashes"
        reply = await self._outbound.exchange(
            f"{self._url}/auth.test",
            b"{}",
            hosts=self._hosts,
            limits=TIMEOUT,
            headers={"Authorization": f"Bearer {token}"},
        )
        if isinstance(reply, NoReply):
            return frozenset(), f"Slack's Web API: {reply.detail}"
        if reply.document.get("ok") is not True:
            return frozenset(), f"Slack says HTTP {reply.status} {_error(reply.document)}".rstrip()
        named = reply.headers.get("x-oauth-scopes", "")
        return frozenset(scope.strip() for scope in named.split(",")), ""

    def _pause_s(self, team: str, method: str) -> float:
        return self._pauses.get((team, method), 0.0) - time.monotonic()

    def _remember_pause(self, team: str, method: str, seconds: float) -> None:
        if len(self._pauses) >= MAX_PAUSES:
            del self._pauses[next(iter(self._pauses))]
        # Re-inserted at the end: the oldest pause is the first to go.
        self._pauses.pop((team, method), None)
        self._pauses[team, method] = time.monotonic() + min(seconds, MAX_PAUSE_S)


def _encoded(method: str, document: dict[str, Any]) -> tuple[bytes, str]:
    """The body, and its type: Slack's reading methods take forms only."""
    if method not in _READING:
        return encode_json(document), "application/json; charset=utf-8"
    form = {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in document.items()
    }
    return urlencode(form).encode(), "application/x-www-form-urlencoded"


def read_result(reply: Reply | NoReply) -> ApiResult:
    """Read a response; neither "ok" nor an error: UNCONFIRMED."""
    if isinstance(reply, NoReply):
        return ApiResult(outcome=reply.outcome, detail=reply.detail, document={})
    document = reply.document
    error = _error(document)
    outcome = _outcome(reply, document, error)
    return ApiResult(
        outcome=outcome,
        detail=f"HTTP {reply.status} {error}".rstrip(),
        error=error,
        document=document,
        retry_after_s=_retry_after_s(reply) if outcome is Outcome.RETRY else None,
    )


def _retry_after_s(reply: Reply) -> float | None:
    asked = reply.retry_after_s
    return None if asked is None else min(asked, MAX_RETRY_AFTER_S)


def _outcome(reply: Reply, document: dict[str, Any], error: str) -> Outcome:
    if reply.status == 429 or error in _LATER:
        return Outcome.RETRY
    if reply.status >= 500 or error in _UNCLEAR:
        return Outcome.UNCONFIRMED
    if document.get("ok") is True:
        return Outcome.DELIVERED
    return Outcome.REFUSED if error or reply.status >= 300 else Outcome.UNCONFIRMED


def _paused(pause_s: float) -> ApiResult:
    return ApiResult(
        outcome=Outcome.RETRY,
        detail="not sent: paused",
        document={},
        retry_after_s=pause_s,
        tried=False,
    )


def _error(document: dict[str, Any]) -> str:
    error = document.get("error")
    return error if isinstance(error, str) and re.fullmatch(r"[a-z_]{1,60}", error) else ""
