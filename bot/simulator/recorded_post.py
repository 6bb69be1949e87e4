"""One POST as a platform makes it, and its record for the page, without secrets."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp

ANSWER_BYTES = 256 * 1024
RECORD_CHARS = 20_000
_MASKED = frozenset({"x-bot-secret", "x-slack-signature"})


@dataclass(frozen=True, slots=True)
class Reply:
    """The bot's answer to a webhook; at most ANSWER_BYTES of it."""

    status: int
    body: bytes

    @property
    def json(self) -> Any:
        """The body read as JSON; raises ValueError."""
        return json.loads(self.body)


async def post(
    http: aiohttp.ClientSession,
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    timeout_s: float,
) -> Reply:
    """POST without following redirects; raises TimeoutError and aiohttp.ClientError."""
    timeout = aiohttp.ClientTimeout(total=timeout_s)
    async with http.post(
        url, data=body, headers=headers, timeout=timeout, allow_redirects=False
    ) as response:
        answer = b""
        async for chunk in response.content.iter_chunked(16 * 1024):
            answer += chunk
            if len(answer) > ANSWER_BYTES:
                raise aiohttp.ClientPayloadError(f"more than {ANSWER_BYTES} bytes")
        return Reply(response.status, answer)


def request_record(url: str, headers: Mapping[str, str], body: Any) -> dict[str, Any]:
    """A request for "원문 보기"; secrets and signatures are dots."""
    shown = {k: "••••••" if k.lower() in _MASKED else v for k, v in headers.items()}
    return {"method": "POST", "url": url, "headers": shown, "body": body}


def reply_record(reply: Reply) -> dict[str, Any]:
    """An answer for "원문 보기": JSON where it is JSON, else the beginning of its text."""
    try:
        body: Any = reply.json
    except ValueError:
        body = reply.body.decode(errors="replace")[:RECORD_CHARS]
    return {"status": reply.status, "body": body}
