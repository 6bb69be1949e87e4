"""A person at the dashboard: gets pages and sends forms, without following redirects."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass

from aiohttp import ClientResponse, ClientSession

_TOKEN = re.compile(r'name="csrf" value="([^"]+)"')


@dataclass(frozen=True, slots=True)
class Shown:
    """An answer of the dashboard."""

    ms: float
    bytes: int  #: of the page, unpacked
    location: str  #: where a redirect leads, with its origin left out; empty: none does
    html: str


class Visitor:
    """A session of the dashboard."""

    def __init__(self, http: ClientSession, origin: str) -> None:
        self._http = http
        self._origin = origin
        self._token = ""

    async def get(self, path: str) -> Shown:
        """A page, by its address below ``/admin``. Raises RuntimeError unless it is shown."""
        began = time.perf_counter()
        url = f"{self._origin}/admin{path}"
        async with self._http.get(url, allow_redirects=False) as response:
            shown = await _read(response, began)
        if response.status != 200:
            raise RuntimeError(f"GET {path}: {response.status}")
        return shown

    async def post(self, path: str, **fields: str) -> Shown:
        """Send a form. Raises RuntimeError where it is refused."""
        if not self._token:
            found = _TOKEN.search((await self.get("/account")).html)
            self._token = found[1] if found else ""
        began = time.perf_counter()
        data = {"csrf": self._token, **fields}
        url = f"{self._origin}/admin{path}"
        async with self._http.post(url, data=data, allow_redirects=False) as response:
            shown = await _read(response, began)
        if response.status not in {200, 303}:
            raise RuntimeError(f"POST {path}: {response.status}")
        return shown


async def _read(response: ClientResponse, began: float) -> Shown:
    body = await response.read()
    ms = (time.perf_counter() - began) * 1000
    location = response.headers.get("Location", "").removeprefix("/admin")
    return Shown(ms, len(body), location, body.decode("utf-8", "replace"))
