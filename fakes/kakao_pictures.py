"""The host of people's photos: expiring addresses, and what may be wrong with them.

    async with picture_host() as host:
        url = host.publish(jpeg)
        ...
        assert host.fetched == [url]

The bot must allow ``host.origin`` (BOT_KAKAO_PICTURE_HOSTS).
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from fakes.faults import serving


class PictureHost:
    """Published pictures, and all requests for them."""

    def __init__(self) -> None:
        self.origin = ""  #: set when it serves
        self.fetched: list[str] = []  #: the URL of each request, as received
        self.delay_s = 0.0
        self._pictures: dict[str, bytes | str] = {}

    def publish(self, content: bytes) -> str:
        """The URL of a picture; its credential holds escapes that a client must not change."""
        return self._new(content)

    def redirect(self, target: str) -> str:
        """A URL that leads to another."""
        return self._new(target)

    def expire(self) -> None:
        """Let all addresses be refused, as Kakao's are after some minutes."""
        self._pictures.clear()

    def _new(self, content: bytes | str) -> str:
        token = secrets.token_urlsafe(12)
        path = f"/dn/{token}/img.jpg?credential={token}%2F%7E%3D"
        self._pictures[path] = content
        return self.origin + path

    async def serve(self, request: web.Request) -> web.StreamResponse:
        self.fetched.append(self.origin + request.raw_path)
        await asyncio.sleep(self.delay_s)
        content = self._pictures.get(request.raw_path)
        if content is None:
            return web.Response(status=403, text="Forbidden")
        if isinstance(content, str):
            raise web.HTTPFound(content)
        return web.Response(body=content, content_type="image/jpeg")


@asynccontextmanager
async def picture_host() -> AsyncIterator[PictureHost]:
    """Run the host on a free port."""
    host = PictureHost()
    app = web.Application()
    app.router.add_get("/{path:.*}", host.serve)
    async with serving(app) as origin:
        host.origin = origin
        yield host
