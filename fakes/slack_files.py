"""The host of Slack's files: it shows them to a bot's token with files:read, and to nobody else.

    async with slack_files("xoxb-1") as host:
        file = host.publish(png, "image/png")
        ...
        assert host.fetched == [file["url_private"]]

The bot must allow ``host.origin`` (BOT_SLACK_PICTURE_HOSTS).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from bot.messengers.slack.simulated_events import file
from fakes.faults import serving


class SlackFiles:
    """Published files, and all requests for them."""

    def __init__(self, *tokens: str) -> None:
        self.origin = ""  #: set when it serves
        self.tokens = tokens
        self.fetched: list[str] = []  #: the URL of each request
        self.delay_s = 0.0
        self._files: dict[str, tuple[bytes, str]] = {}

    def publish(self, content: bytes, mimetype: str) -> dict[str, Any]:
        """A file as a message holds it."""
        path = f"/files-pri/T1-F{len(self._files)}/image"
        self._files[path] = (content, mimetype)
        return file("image", mimetype, self.origin + path, len(content))

    async def serve(self, request: web.Request) -> web.StreamResponse:
        self.fetched.append(self.origin + request.path)
        await asyncio.sleep(self.delay_s)
        shown = request.headers.get("Authorization")
        if shown not in [f"Bearer {token}" for token in self.tokens]:
            raise web.HTTPFound("https://slack.example/signin")  # as a browser that is signed out
        if request.path not in self._files:
            return web.Response(status=404)
        content, mimetype = self._files[request.path]
        return web.Response(body=content, content_type=mimetype)


@asynccontextmanager
async def slack_files(*tokens: str) -> AsyncIterator[SlackFiles]:
    """Run the host on a free port, for the holders of these tokens."""
    host = SlackFiles(*tokens)
    app = web.Application()
    app.router.add_get("/{path:.*}", host.serve)
    async with serving(app) as origin:
        host.origin = origin
        yield host
