"""A browser at the dashboard: pages and forms over HTTP, as the templates write them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import unescape

from aiohttp import ClientSession

from tests.walk.errors import WalkError

_TOKEN = re.compile(r'name="csrf" value="([^"]+)"')


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of the dashboard; ``location``: below ``/admin``, empty without a redirect."""

    status: int
    body: bytes
    location: str

    @property
    def html(self) -> str:
        """The page."""
        return self.body.decode()


class Dashboard:
    """A session; ``http`` keeps its cookies."""

    def __init__(self, http: ClientSession, origin: str) -> None:
        self._http = http
        self._admin = f"{origin}/admin"
        self._token = ""

    async def log_in(self, user: str, password: str) -> None:
        """Raises WalkError where the login is refused."""
        self._token = _token_of((await self._send("GET", "/login")).html)
        reply = await self.post("/login", {"user": user, "password": password})
        if not reply.location:
            raise WalkError("the dashboard refused the login")
        self._token = _token_of(await self.get("/account"))

    async def get(self, path: str) -> str:
        """A page. Raises WalkError unless it is shown."""
        reply = await self._send("GET", path)
        if reply.status != 200:
            raise WalkError(f"GET /admin{path}: {reply.status}")
        return reply.html

    async def post(
        self, path: str, fields: Mapping[str, str] | None = None, *, allowed: int = 303
    ) -> Reply:
        """Send a form. Raises WalkError for a status that is neither 200, 303 nor ``allowed``."""
        reply = await self._send("POST", path, {"csrf": self._token, **(fields or {})})
        if reply.status not in {200, 303, allowed}:
            raise WalkError(f"POST /admin{path}: {reply.status}")
        return reply

    async def _send(self, method: str, path: str, form: dict[str, str] | None = None) -> Reply:
        async with self._http.request(
            method, self._admin + path, data=form, allow_redirects=False
        ) as response:
            location = response.headers.get("Location", "").removeprefix("/admin")
            return Reply(response.status, await response.read(), location)


def text_within(html: str, pattern: str) -> str:
    """What people read at the first place that the pattern's group matches; empty: nowhere."""
    found = re.search(pattern, html, re.DOTALL)
    return unescape(re.sub(r"<[^>]+>", "", found[1])).strip() if found else ""


def _token_of(html: str) -> str:
    found = _TOKEN.search(html)
    if not found:
        raise WalkError("the dashboard's page has no form with a token")
    return found[1]
