"""Requests to the bots of a cluster, some of them delivered twice."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator, Sequence
from typing import Any

from aiohttp import ClientError, ClientSession, ClientTimeout

from chaos.cluster import Node
from chaos.journal import Journal

_SHARE_TWICE = 0.1


class BotClient:
    """Sends each request to one of the bots that are up."""

    def __init__(
        self, bots: Sequence[Node], http: ClientSession, journal: Journal, rng: random.Random
    ) -> None:
        self._bots = bots
        self._http = http
        self._journal = journal
        self._rng = rng

    def draw_deliveries(self) -> int:
        """How often the platform delivers the next event: once or twice."""
        twice = self._rng.random() < _SHARE_TWICE
        self._journal.faults["event delivered twice"] += twice
        return 2 if twice else 1

    async def post(
        self, path: str, body: bytes, headers: dict[str, str], timeout_s: float
    ) -> tuple[int, Any]:
        """The status and the JSON of a bot's response; 0 and the error's name without one."""
        return await self._exchange("POST", path, body, headers, timeout_s)

    async def get(self, path: str, headers: dict[str, str], timeout_s: float) -> tuple[int, Any]:
        """As ``post``, without a body."""
        return await self._exchange("GET", path, None, headers, timeout_s)

    async def lines(
        self, path: str, headers: dict[str, str], timeout_s: float
    ) -> AsyncIterator[str]:
        """The lines of a response as they come; they end where the response does, or fails."""
        limit = ClientTimeout(total=timeout_s)
        try:
            async with self._http.get(self._url(path), headers=headers, timeout=limit) as response:
                async for line in response.content:
                    yield line.decode().rstrip("\n")
        except (ClientError, TimeoutError, OSError):
            return

    async def _exchange(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str], timeout_s: float
    ) -> tuple[int, Any]:
        request = self._http.request(
            method,
            self._url(path),
            data=body,
            headers=headers,
            timeout=ClientTimeout(total=timeout_s),
        )
        try:
            async with request as response:
                body = await response.read()
                return response.status, json.loads(body) if body else None
        except (ClientError, TimeoutError, OSError, ValueError) as error:
            return 0, type(error).__name__

    def _url(self, path: str) -> str:
        up = [node for node in self._bots if node.is_up]
        return self._rng.choice(up or self._bots).url + path
