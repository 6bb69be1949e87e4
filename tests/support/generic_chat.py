"""A running bot behind the generic webhook, and the in-house messenger in front of it."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiohttp import ClientSession

from fakes.engine_server import EngineServer
from fakes.generic import InHouseMessenger, in_house_messenger, signed_headers
from tests.support.stack import GENERIC_SECRET as SECRET
from tests.support.stack import Said, Stack, running_stack, served


@dataclass
class Chat:
    """A running bot, and the in-house messenger in front of it."""

    stack: Stack
    messenger: InHouseMessenger
    server: EngineServer

    async def send(self, document: dict[str, Any], query: str = "") -> Said:
        body = json.dumps(document, ensure_ascii=False).encode()
        headers = signed_headers(SECRET, body)
        return await self.stack.post(f"/webhooks/generic{query}", body, headers)

    async def get(self, path: str, secret: str = SECRET) -> Said:
        headers = signed_headers(secret, path.encode())
        async with self.stack.http.get(self.stack.url + path, headers=headers) as response:
            return Said(response.status, json.loads(await response.text()))

    async def send_patiently(self, document: dict[str, Any], query: str = "") -> Said:
        """Send the same message again while the answer is 503, as the guide says."""
        return await _repeat(lambda: self.send(document, query))

    async def get_patiently(self, path: str) -> Said:
        """GET again while the answer is 503: on a busy machine a crowd meets the bot's time-out."""
        return await _repeat(lambda: self.get(path))

    async def events(self, path: str) -> list[tuple[str, dict[str, Any]]]:
        """All server-sent events, to the end of the stream."""
        headers = signed_headers(SECRET, path.encode())
        async with (
            asyncio.timeout(30),
            ClientSession() as http,
            http.get(self.stack.url + path, headers=headers) as response,
        ):
            assert response.content_type == "text/event-stream"
            raw = await response.text()
        found = re.findall(r"event: (\w+)\ndata: (.*)\n\n", raw)
        return [(name, json.loads(data)) for name, data in found]


async def _repeat(ask: Callable[[], Awaitable[Said]]) -> Said:
    async with asyncio.timeout(60):
        while (said := await ask()).status == 503:
            await asyncio.sleep(0.1)
    return said


@asynccontextmanager
async def running_chat(
    database_url: str, redis_url: str, *, worker: bool = True, **changes: Any
) -> AsyncIterator[Chat]:
    """Bot, worker and messenger; ``changes``: settings of the bot."""
    async with AsyncExitStack() as exits:
        messenger = await exits.enter_async_context(in_house_messenger(SECRET))
        server, engine = await exits.enter_async_context(served())
        fields = {
            "generic_secret": SECRET,
            "generic_callback_hosts": (messenger.origin,),
            "generic_max_streams": 2,
        }
        running = running_stack(
            database_url, redis_url, engine if worker else None, **{**fields, **changes}
        )
        stack = await exits.enter_async_context(running)
        yield Chat(stack, messenger, server)
