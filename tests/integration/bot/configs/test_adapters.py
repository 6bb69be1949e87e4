"""A bot's adapter, from its settings to the server that has it; and one that no worker has."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import pytest

from bot.domain.bot_config import Scope
from fakes.engine_server import engine_server
from inference_worker.engines.served.engine import ServedEngine
from tests.integration.bot.configs.test_running_bot import ONE, OTHER, Bots
from tests.support.stack import running_stack


@pytest.fixture
async def bots(database_url: str, redis_url: str) -> AsyncIterator[Bots]:
    async with contextlib.AsyncExitStack() as exits:
        server = await exits.enter_async_context(engine_server(adapters=("lora-1",)))
        engine = ServedEngine(server.url, silence_timeout_s=5, adapters={"support": "lora-1"})
        stack = await exits.enter_async_context(
            running_stack(database_url, redis_url, engine, rate_limit_per_minute=0)
        )
        yield Bots(stack, server)


async def test_each_bot_is_answered_with_its_own_adapter_or_none(bots: Bots) -> None:
    version = await bots.set(Scope("kakao"), {"adapter": "support"})
    turn = await bots.ask_until(ONE, version)
    assert turn.answer.startswith("[lora-1]")
    assert turn.model.endswith(" + support")
    plain = await bots.set(Scope("kakao", OTHER), {"adapter": "none"})
    turn = await bots.ask_until(OTHER, plain)
    assert turn.answer.startswith("에코")
    assert "+" not in turn.model
    assert (await bots.ask(ONE)).answer.startswith("[lora-1]")

    missing = await bots.set(Scope("kakao", ONE), {"adapter": "sales"})
    answered = len(bots.engine.requests)
    await bots.stack.until(f"SELECT 1 FROM config_readers WHERE version >= {missing}")
    await bots.say(ONE, "아무도 없나요?")
    waiting = await bots.stack.until("SELECT * FROM jobs WHERE adapter = 'sales'")
    assert (await bots.ask(OTHER)).answer.startswith("에코"), "it holds nobody up"
    assert len(bots.engine.requests) == answered + 1
    still = await bots.stack.until(f"SELECT * FROM jobs WHERE id = '{waiting.id}'")
    assert (still.state, still.attempt) == ("queued", 0)
