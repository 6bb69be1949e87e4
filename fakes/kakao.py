"""KakaoTalk's platform on a real port: the host of callback URLs.

    async with kakao_platform() as kakao:
        url = kakao.new_callback_url()
        kakao.faults.once(Fault.CUT)
        ...
        post = await kakao.next_post()
        assert post.texts == ["안녕하세요"]

The bot must allow ``kakao.origin`` (BOT_KAKAO_CALLBACK_HOSTS).
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from aiohttp import web

from bot.messengers.kakao.platform_limits import CALLBACK_LIFETIME_S, check_skill_response
from bot.messengers.kakao.simulated_requests import callback_receipt, skill_request
from bot.simulator.expiring_urls import ExpiringUrls
from bot.simulator.limits import LimitError
from fakes.faults import MAX_URLS, Arrivals, Fault, Faults, serving

__all__ = ["CallbackPost", "Fault", "KakaoPlatform", "kakao_platform", "skill_request"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackPost:
    """One POST to the callback host, valid or not."""

    path_qs: str  #: as received, byte for byte
    body: bytes
    content_type: str
    receipt: dict[str, Any]  #: the response, unless ``fault`` withheld it
    fault: Fault | None
    shown: bool  #: whether the bubbles are visible to the person
    at: float = field(default_factory=time.monotonic)

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def outputs(self) -> list[dict[str, Any]]:
        return list(self.json["template"]["outputs"])

    @property
    def quick_replies(self) -> list[dict[str, Any]]:
        return list(self.json["template"].get("quickReplies", []))

    @property
    def texts(self) -> list[str]:
        """The texts of the simpleText bubbles, in order."""
        return [o["simpleText"]["text"] for o in self.outputs if "simpleText" in o]


@dataclass
class _Callback:
    acknowledged: bool


class KakaoPlatform:
    """Issued callback URLs, and all POSTs to them."""

    def __init__(self, lifetime_s: float = CALLBACK_LIFETIME_S) -> None:
        self.origin = ""  #: set when it serves
        self.posts: list[CallbackPost] = []
        self.faults = Faults()
        self._callbacks: ExpiringUrls[_Callback] = ExpiringUrls(
            lifetime_s=lifetime_s, uses=1, capacity=MAX_URLS
        )
        self._given: dict[str, _Callback] = {}
        self._arrivals = Arrivals()

    def new_callback_url(self, *, acknowledged: bool = True) -> str:
        """A URL for one POST. Its token holds escapes that a client must not change.

        ``acknowledged=False``: refused until ``acknowledge``, as before an answer with useCallback.
        """
        token = f"cb%3A{secrets.token_urlsafe(18)}%2F%7E~%3D="
        path = f"/v1/bots/67a1f00dc0ffee0000000002/callback?token={token}&n=%ED%95%9C"
        callback = _Callback(acknowledged)
        self._callbacks.issue(callback, path)
        url = self.origin + path
        self._given[url] = callback
        return url

    def acknowledge(self, url: str) -> None:
        """Accept the URL: the webhook's response carried useCallback."""
        self._given[url].acknowledged = True

    @property
    def shown(self) -> list[CallbackPost]:
        """The posts that are visible to the person."""
        return [post for post in self.posts if post.shown]

    async def next_post(self, count: int = 1, timeout_s: float = 30.0) -> CallbackPost:
        """Wait for the ``count``-th post."""
        await self._arrivals.until(lambda: len(self.posts) >= count, timeout_s)
        return self.posts[count - 1]

    async def receive(self, request: web.Request) -> web.Response:
        fault = self.faults.take()
        body = await request.read()
        status, receipt = self._judge(fault, request.raw_path, body)
        post = CallbackPost(
            path_qs=request.raw_path,
            body=body,
            content_type=request.content_type,
            receipt=receipt,
            fault=fault,
            shown=receipt["status"] == "SUCCESS",
        )
        self.posts.append(post)
        await self._arrivals.note()
        response = web.json_response(receipt, status=status)
        if fault is Fault.RATE_LIMITED:
            response.headers["Retry-After"] = str(self.faults.retry_after_s)
        return await self.faults.answer(fault, request, response)

    def _judge(self, fault: Fault | None, path_qs: str, body: bytes) -> tuple[int, dict[str, Any]]:
        if fault in _REFUSALS:
            status, word, message = _REFUSALS[fault]
            return status, callback_receipt(word, message)
        given = self._given.get(self.origin + path_qs)
        if given and not given.acknowledged:
            # Kakao does not document whether this spends the URL. Here a retry still succeeds.
            return 200, callback_receipt("FAIL", "Use callback true setting required")
        try:
            self._callbacks.use(path_qs)
            check_skill_response(json.loads(body))
        except LookupError:
            return 400, callback_receipt("FAIL", "Invalid callback token")
        except (ValueError, LimitError) as error:
            return 200, callback_receipt("FAIL", f"Invalid json from bot-skill: {error}")
        return 200, callback_receipt("SUCCESS", "")


_REFUSALS: dict[Fault | None, tuple[int, Literal["FAIL", "ERROR"], str]] = {
    Fault.SERVER_ERROR: (500, "ERROR", "internal error (501)"),
    Fault.DROPPED: (500, "ERROR", "internal error (501)"),
    Fault.RATE_LIMITED: (429, "FAIL", "too many requests"),
    Fault.INVALID_TOKEN: (400, "FAIL", "Invalid callback token"),
}


@asynccontextmanager
async def kakao_platform(lifetime_s: float = CALLBACK_LIFETIME_S) -> AsyncIterator[KakaoPlatform]:
    """Run the callback host; ``lifetime_s``: of its URLs."""
    platform = KakaoPlatform(lifetime_s)
    app = web.Application()
    app.router.add_post("/{path:.*}", platform.receive)
    async with serving(app, platform.faults.close) as origin:
        platform.origin = origin
        yield platform
