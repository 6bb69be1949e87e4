"""The bot with an engine that echoes."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.stack import Stack, running_stack, served


@pytest.fixture
async def stack(database_url: str, redis_url: str) -> AsyncIterator[Stack]:
    async with (
        served() as (_, engine),
        running_stack(database_url, redis_url, engine) as running,
    ):
        yield running
