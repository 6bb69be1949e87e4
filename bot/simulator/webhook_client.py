"""Webhooks as a platform posts them, and their records for the page, without secrets."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import aiohttp

MAX_REPLY_BYTES = 256 * 1024
_MAX_RECORD_CHARS = 20_000


@dataclass(frozen=True, slots=True)
class Reply:
    """The bot's response to a webhook; at most MAX_REPLY_BYTES of it."""

    status: int
    body: bytes

    @property
    def json(self) -> Any:
        """The body read as JSON; raises ValueError."""
        return json.loads(self.body)


class WebhookClient:
    """Posts webhooks to the bot, without cookies; usable inside ``async with``."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def post(
        self, url: str, body: bytes, headers: Mapping[str, str], timeout_s: float
    ) -> Reply:
        """POST without following redirects; raises TimeoutError and aiohttp.ClientError."""
        if self._session is None:
            raise RuntimeError("the client is not open")
        timeout = aiohttp.ClientTimeout(total=timeout_s)
        async with self._session.post(
            url, data=body, headers=headers, timeout=timeout, allow_redirects=False
        ) as response:
            return Reply(response.status, await _read(response))


async def _read(response: aiohttp.ClientResponse) -> bytes:
    body = b""
    async for chunk in response.content.iter_chunked(16 * 1024):
        body += chunk
        if len(body) > MAX_REPLY_BYTES:
            raise aiohttp.ClientPayloadError(f"more than {MAX_REPLY_BYTES} bytes")
    return body


def request_record(
    url: str, headers: Mapping[str, str], body: Any, secret_headers: frozenset[str]
) -> dict[str, Any]:
    """A request for "원문 보기"; the values of ``secret_headers`` (lower case) are dots."""
    shown = {k: "••••••" if k.lower() in secret_headers else v for k, v in headers.items()}
    return {"method": "POST", "url": url, "headers": shown, "body": body}


def reply_record(reply: Reply) -> dict[str, Any]:
    """A response for "원문 보기": JSON if it is JSON, else the beginning of its text."""
    try:
        body: Any = reply.json
    except ValueError:
        body = reply.body.decode(errors="replace")[:_MAX_RECORD_CHARS]
    return {"status": reply.status, "body": body}
