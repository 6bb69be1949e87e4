"""An in-house messenger on a real port: it signs messages and takes signed results.

    async with in_house_messenger(secret) as messenger:
        body, headers = messenger.message("안녕", callback=True)
        ...  # POST /webhooks/generic
        result = await messenger.next_result()
        assert result.document["text"] == "안녕하세요"

The bot must allow ``messenger.origin`` (BOT_GENERIC_CALLBACK_HOSTS).
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from aiohttp import web

from fakes.faults import Arrivals, Fault, Faults, serving

#: As docs/generic.md states it; written anew here, so that both sides must agree.
MAX_CLOCK_SKEW_S = 300


def signed_headers(secret: str, signed: bytes, at: float | None = None) -> dict[str, str]:
    """The headers of a request; of a GET its path is signed. ``at``: Unix seconds."""
    timestamp = str(int(time.time() if at is None else at))
    base = b"v1:" + timestamp.encode() + b":" + signed
    digest = hmac.new(secret.encode(), base, hashlib.sha256).hexdigest()
    return {
        "X-Bot-Timestamp": timestamp,
        "X-Bot-Signature": f"v1={digest}",
        "Content-Type": "application/json",
    }


def message(
    text: str, *, conversation: str = "room-1", user: str = "chulsoo", **fields: Any
) -> dict[str, Any]:
    """The JSON of a message, with a fresh idempotency key unless ``fields`` name one."""
    return {
        "idempotency_key": uuid4().hex,
        "conversation": conversation,
        "user": user,
        "text": text,
        **fields,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultPost:
    """One POST to the callback host, right or wrong."""

    path: str
    body: bytes
    status: int  #: what was answered, or would have been; see ``fault``
    fault: Fault | None
    shown: bool  #: whether the messenger took it
    at: float  #: ``time.monotonic`` seconds

    @property
    def document(self) -> dict[str, Any]:
        """The result."""
        return dict(json.loads(self.body))


class InHouseMessenger:
    """Callback URLs, and everything that was posted to this host."""

    def __init__(self, secret: str) -> None:
        self.secret = secret
        self.origin = ""  #: set when it serves
        self.posts: list[ResultPost] = []
        self.faults = Faults()
        self._arrivals = Arrivals()

    @property
    def callback_url(self) -> str:
        """Where results may be posted; which message they answer, they say themselves."""
        return f"{self.origin}/results?room=%ED%95%9C"

    @property
    def shown(self) -> list[ResultPost]:
        """The results that people see."""
        return [post for post in self.posts if post.shown]

    def message(
        self, text: str, *, callback: bool = False, **fields: Any
    ) -> tuple[bytes, dict[str, str]]:
        """A message ready to send: the body and its signed headers."""
        if callback:
            fields["callback_url"] = self.callback_url
        body = json.dumps(message(text, **fields), ensure_ascii=False).encode()
        return body, signed_headers(self.secret, body)

    async def next_result(self, count: int = 1, timeout_s: float = 30.0) -> ResultPost:
        """Wait until ``count`` posts have come in all; the newest of them."""
        await self._arrivals.until(lambda: len(self.posts) >= count, timeout_s)
        return self.posts[count - 1]

    async def receive(self, request: web.Request) -> web.Response:
        """Take a result."""
        fault = self.faults.take()
        body = await request.read()
        status = self._judge(fault, request, body)
        shown = status == 204
        post = ResultPost(
            path=request.raw_path,
            body=body,
            status=status,
            fault=fault,
            shown=shown,
            at=time.monotonic(),
        )
        self.posts.append(post)
        await self._arrivals.note()
        headers = {"Retry-After": str(self.faults.retry_after_s)} if status == 429 else {}
        return await self.faults.answer(
            fault, request, web.Response(status=status, headers=headers)
        )

    def _judge(self, fault: Fault | None, request: web.Request, body: bytes) -> int:
        if fault is Fault.RATE_LIMITED:
            return 429
        if fault in {Fault.SERVER_ERROR, Fault.DROPPED}:
            return 500
        return 204 if self._is_signed(request, body) else 401

    def _is_signed(self, request: web.Request, body: bytes) -> bool:
        timestamp = request.headers.get("X-Bot-Timestamp", "")
        if not timestamp.isdigit() or abs(time.time() - int(timestamp)) > MAX_CLOCK_SKEW_S:
            return False
        expected = signed_headers(self.secret, body, float(timestamp))["X-Bot-Signature"]
        return hmac.compare_digest(expected, request.headers.get("X-Bot-Signature", ""))

    def close(self) -> None:
        """Let go of requests that a fault keeps open."""
        self.faults.close()


@asynccontextmanager
async def in_house_messenger(secret: str) -> AsyncIterator[InHouseMessenger]:
    """The messenger on a free port of 127.0.0.1."""
    messenger = InHouseMessenger(secret)
    app = web.Application()
    app.router.add_post("/results", messenger.receive)
    async with serving(app, messenger.close) as origin:
        messenger.origin = origin
        yield messenger
