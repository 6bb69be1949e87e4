"""A bot in a Slack workspace, with a worker on a stand-in for the inference server."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr

from fakes.engine_server import EngineServer
from tests.support.slack_chat import SlackChat
from tests.support.stack import SLACK_TOKEN, running_stack, served


@pytest.fixture
async def desk(database_url: str, redis_url: str) -> AsyncIterator[tuple[SlackChat, EngineServer]]:
    async with (
        served() as (server, engine),
        running_stack(
            database_url,
            redis_url,
            engine,
            slack_bot_token=SecretStr(SLACK_TOKEN),
            slack_human_channel="CHUMANS",
        ) as stack,
    ):
        yield SlackChat(stack), server


@pytest.fixture
def chat(desk: tuple[SlackChat, EngineServer]) -> SlackChat:
    return desk[0]


@pytest.fixture
def server(desk: tuple[SlackChat, EngineServer]) -> EngineServer:
    return desk[1]
