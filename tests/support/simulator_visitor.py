"""A browser without the page: holds the cookie, listens to the events, sends as the page sends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

Event = dict[str, Any]


class Visitor:
    def __init__(self, client: aiohttp.ClientSession, origin: str) -> None:
        self.client = client
        self.origin = origin
        self.events: list[Event] = []
        self.ids: list[str] = []
        self._changed = asyncio.Condition()

    async def listen(self, ready: asyncio.Event, last_event_id: str = "") -> None:
        headers = {"Last-Event-ID": last_event_id} if last_event_id else {}
        async with self.client.get(f"{self.origin}/simulator/events", headers=headers) as stream:
            assert stream.status == 200, await stream.text()
            ready.set()
            async for line in stream.content:
                if line.startswith(b"id: "):
                    self.ids.append(line[4:].decode().strip())
                elif line.startswith(b"data: "):
                    async with self._changed:
                        self.events.append(json.loads(line[6:]))
                        self._changed.notify_all()

    async def say(self, pane: str, **body: Any) -> tuple[int, str]:
        return await self._post(f"{pane}/messages", body)

    async def act(self, do: str, **body: Any) -> tuple[int, str]:
        """Do something on the Slack pane."""
        return await self._post("slack/actions", {"do": do, **body})

    async def _post(self, path: str, body: dict[str, Any]) -> tuple[int, str]:
        headers = {"Origin": self.origin}
        url = f"{self.origin}/simulator/{path}"
        async with self.client.post(url, json=body, headers=headers) as response:
            return response.status, await response.text()

    async def until(self, kind: str, count: int = 1, **having: Any) -> Event:
        """The ``count``-th event of this kind with these fields, when it has come."""

        def found() -> list[Event]:
            return [
                event
                for event in self.events
                if event["kind"] == kind and all(event.get(k) == v for k, v in having.items())
            ]

        await self.when(lambda: len(found()) >= count)
        return found()[count - 1]

    async def when(self, holds: Callable[[], bool], timeout_s: float = 30) -> None:
        async with asyncio.timeout(timeout_s), self._changed:
            await self._changed.wait_for(holds)

    def kinds(self) -> list[str]:
        return [event["kind"] for event in self.events]


@asynccontextmanager
async def visitor(
    origin: str, jar: aiohttp.CookieJar | None = None, last_event_id: str = ""
) -> AsyncIterator[Visitor]:
    """A visitor who listens already."""
    if jar is None:
        jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar) as client:
        visiting = Visitor(client, origin)
        ready = asyncio.Event()
        listening = asyncio.create_task(visiting.listen(ready, last_event_id))
        await ready.wait()
        try:
            yield visiting
        finally:
            listening.cancel()
            await asyncio.wait([listening])
