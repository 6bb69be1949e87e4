"""A workspace and a room speak in their own words, by their own rules."""

from __future__ import annotations

import asyncio

from bot import app_keys
from bot.domain.bot_config import Scope
from bot.store import bot_configs
from fakes.engine_server import EngineServer
from tests.support.slack_chat import SlackChat


async def set_values(chat: SlackChat, scope: Scope, **values: object) -> None:
    """Set them and wait until the bot has read them."""
    async with chat.stack.database.begin() as connection:
        await bot_configs.lock(connection)
        version = await bot_configs.add(connection, scope, values, author="")
    configs = chat.stack.app[app_keys.CONFIGS]
    async with asyncio.timeout(60):
        while configs.for_scope(*scope).version != version:
            await asyncio.sleep(0.05)


async def test_a_room_has_its_own_prompt_notice_and_help(
    chat: SlackChat, server: EngineServer
) -> None:
    await chat.say("U1", "C1", f"{chat.mention} 처음")
    tenant = (await chat.until_answered("처음")).tenant
    own = {"texts.ai_notice": "AI 동료가 썼어요.", "texts.help_chat": "멘션해 주세요."}
    await set_values(chat, Scope("slack", tenant, "C1"), system_prompt="개발팀 봇이야.", **own)
    asked = await chat.say("U1", "C1", f"{chat.mention} 안녕")
    turn = await chat.until_answered("안녕")
    assert (turn.config_version, server.requests[-1].contents[0]) == (1, "개발팀 봇이야.")
    await chat.say("U1", "C1", f"{chat.mention} 도움말", thread_ts=asked)
    await chat.until_shown("U1", "C1", asked, "멘션해 주세요.")
    [shown] = [text for text in chat.thread("U1", "C1", asked) if "에코" in text]
    assert "AI 동료가 썼어요." in shown
    direct = await chat.say("U1", chat.direct("U1"), "여기는?")
    await chat.until_shown("U1", chat.direct("U1"), direct, "에코: 여기는?")
    assert server.requests[-1].contents[0] != "개발팀 봇이야."


async def test_a_room_may_be_left_alone_in_threads(chat: SlackChat, server: EngineServer) -> None:
    asked = await chat.say("U1", "C1", f"{chat.mention} 처음")
    tenant = (await chat.until_answered("처음")).tenant
    await set_values(chat, Scope("slack", tenant, "C1"), thread_rule="never")
    await chat.say("U2", "C1", "우리끼리", thread_ts=asked)
    await chat.say("U1", "C1", f"{chat.mention} 다시 너", thread_ts=asked)
    await chat.until_answered("다시 너")
    assert len(server.requests) == 2
