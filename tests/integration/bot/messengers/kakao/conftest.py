"""The bot with an engine that echoes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from fakes.engine_server import EngineServer
from tests.support.stack import Said, Stack, running_stack, served


@dataclass
class KakaoChat:
    """One person's chat with the bot."""

    stack: Stack
    server: EngineServer
    user: str = "철수"

    async def say(self, text: str, **more: Any) -> Said:
        """Type a message."""
        return await self.stack.say_kakao(text, user=self.user, **more)

    async def press(self, said: Said, label: str, **more: Any) -> Said:
        """Press a quick reply of a response."""
        button = said.quick_reply(label)
        return await self.say(button["messageText"], extra=button["extra"], **more)


@asynccontextmanager
async def running_chat(
    database_url: str, redis_url: str, **changes: Any
) -> AsyncIterator[KakaoChat]:
    """A bot with a worker; ``changes``: settings as in ``settings_for``."""
    async with (
        served() as (server, engine),
        running_stack(database_url, redis_url, engine, **changes) as stack,
    ):
        yield KakaoChat(stack, server)


@pytest.fixture
async def chat(database_url: str, redis_url: str) -> AsyncIterator[KakaoChat]:
    async with running_chat(database_url, redis_url) as running:
        yield running


@pytest.fixture
def stack(chat: KakaoChat) -> Stack:
    return chat.stack
