"""Webhooks to the bots of a cluster, some of them delivered twice."""

from __future__ import annotations

import json
import random
from typing import Any

from aiohttp import ClientError, ClientSession, ClientTimeout

from chaos.cluster import Cluster
from chaos.journal import Journal

_SHARE_TWICE = 0.1


class BotClient:
    """Posts each webhook to one of the bots that are up."""

    def __init__(
        self, cluster: Cluster, http: ClientSession, journal: Journal, rng: random.Random
    ) -> None:
        self._cluster = cluster
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
        up = [node for node in self._cluster.bots if node.is_up]
        url = self._rng.choice(up or self._cluster.bots).url + path
        limit = ClientTimeout(total=timeout_s)
        try:
            async with self._http.post(url, data=body, headers=headers, timeout=limit) as response:
                return response.status, json.loads(await response.read())
        except (ClientError, TimeoutError, OSError, ValueError) as error:
            return 0, type(error).__name__
