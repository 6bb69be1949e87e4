"""The texts of running answers are read when somebody needs them."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from bot.conversation.live_turns import LOOK_EVERY_S, LiveTurn, LiveTurns
from inference_queue.token_stream import Run, TokenStream
from runtime.tasks import cancel_and_wait
from tests.integration.bot.conversation.conversation_parts import Parts, running_parts

RUN = Run(job_id=uuid4(), attempt=1, lease=1)


@pytest.fixture
async def parts(database_url: str, redis_url: str) -> AsyncIterator[Parts]:
    async with running_parts(database_url, redis_url) as parts:
        yield parts


@contextlib.asynccontextmanager
async def reading(parts: Parts) -> AsyncIterator[LiveTurn]:
    live = LiveTurns(database=parts.database, redis=parts.redis)
    task = asyncio.create_task(live.keep_reading())
    with live.following(uuid4()) as turn:
        turn.begin(RUN)
        yield turn
    await cancel_and_wait(task)


async def until_read(turn: LiveTurn, text: str) -> None:
    async with asyncio.timeout(10):
        while turn.text != text:
            await asyncio.sleep(0.01)


async def test_a_text_that_nobody_needs_yet_is_not_read(parts: Parts) -> None:
    tokens = TokenStream(parts.redis)
    async with reading(parts) as turn:
        tokens.append(RUN, "가", at=0)
        await until_read(turn, "가")
        turn.rest(30)
        tokens.append(RUN, "나", at=1)
        await asyncio.sleep(2 * LOOK_EVERY_S)
        assert turn.text == "가"
        turn.rest(0)
        await until_read(turn, "가나")


async def test_a_text_is_there_by_the_end_of_its_rest(parts: Parts) -> None:
    tokens = TokenStream(parts.redis)
    async with reading(parts) as turn:
        tokens.append(RUN, "가", at=0)
        turn.rest(0.5)
        await until_read(turn, "가")
        # One read, and what a busy machine adds.
        assert turn.rests_until <= time.monotonic() < turn.rests_until + 1
