"""The bot with the generic webhook."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.generic_chat import Chat, running_chat


@pytest.fixture
async def chat(database_url: str, redis_url: str) -> AsyncIterator[Chat]:
    async with running_chat(database_url, redis_url) as running:
        yield running
