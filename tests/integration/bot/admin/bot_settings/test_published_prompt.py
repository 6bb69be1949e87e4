"""A prompt that is published for one room reaches its model, and that of no other room."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import cast

import pytest
from aiohttp import ClientSession, CookieJar

from bot import app_keys
from fakes.engine_server import EngineServer
from inference_queue.presets import PRESETS
from tests.integration.bot.admin.bot_settings.pages import publish, save_draft
from tests.support.admin import Client, log_in
from tests.support.stack import ADMIN_PASSWORD, Stack, running_stack, served

PROMPT = "너는 이 방의 상담원이야."
HERE, ELSEWHERE = "C0HERE", "C0ELSEWHERE"


@pytest.fixture
async def stack(database_url: str, redis_url: str) -> AsyncIterator[tuple[Stack, EngineServer]]:
    async with (
        served() as (server, engine),
        running_stack(database_url, redis_url, engine, rate_limit_per_minute=0) as running,
    ):
        yield running, server


async def asked_with(stack: Stack, server: EngineServer, channel: str, words: str) -> str:
    """The system prompt with which a message in the channel was answered."""
    await stack.say_slack(words, channel_id=channel)
    await stack.until(f"SELECT 1 FROM turns WHERE text = '{words}' AND status = 'answered'")
    return next(r.contents[0] for r in reversed(server.requests) if r.contents[-1] == words)


async def test_a_prompt_published_for_one_room_is_asked_there_and_nowhere_else(
    stack: tuple[Stack, EngineServer],
) -> None:
    bot, server = stack
    usual = PRESETS["bllossom-8b"].system_prompt
    assert await asked_with(bot, server, HERE, "첫 질문") == usual
    team = (await bot.rows("SELECT tenant FROM turns"))[0].tenant
    scope = {"messenger": "slack", "tenant": team, "room": HERE}
    async with ClientSession(base_url=bot.url, cookie_jar=CookieJar(unsafe=True)) as session:
        client = cast("Client", session)
        await log_in(client, ADMIN_PASSWORD)
        assert await save_draft(client, scope, system_prompt=PROMPT) == 303
        assert await asked_with(bot, server, HERE, "초안 뒤 질문") == usual
        assert (await publish(client, scope=scope))[0] == 303
    async with asyncio.timeout(60):
        while bot.app[app_keys.CONFIGS].for_scope("slack", team, HERE).version is None:
            await asyncio.sleep(0.1)
    assert await asked_with(bot, server, HERE, "게시 뒤 질문") == PROMPT
    assert await asked_with(bot, server, ELSEWHERE, "다른 방의 질문") == usual
    [turn] = await bot.rows("SELECT config_version FROM turns ORDER BY received_at DESC LIMIT 1")
    assert turn.config_version is None
