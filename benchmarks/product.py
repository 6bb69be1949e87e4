"""The local engine through the whole product, from webhook to delivery, against the engine alone.

Sixteen people each ask, wait for the answer at their response_url, and ask again, with the demo
model. The engine alone gets the jobs of the same conversations from as many callers.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import uuid4

from aiohttp import ClientSession
from sqlalchemy import text

from benchmarks.engine_requests import CACHE
from benchmarks.figures import Figure, say
from benchmarks.raw_http import slack_command
from benchmarks.stack import (
    Served,
    Stores,
    running_bot,
    running_stores,
    running_worker,
    until_ready,
)
from benchmarks.stand_ins import StandIns, running_stand_ins
from inference_queue.presets import DEMO_PRESET, PRESETS
from inference_queue.protocol import Completion, Job, Message, Role
from inference_worker.engines.local.engine import LocalEngine
from runtime.database import connect_database

ALONE = "the engine alone; goal 0.95"


@dataclass(frozen=True, slots=True)
class Size:
    """The amount of work."""

    people: int = 16
    questions: int = 4  #: of each
    tokens: int = 64  #: of an answer at most


async def bench(size: Size) -> list[Figure]:
    """Tokens per second through the product and of the engine alone, one after the other."""
    through = await _through_the_product(size)
    async with _engine(size) as engine:
        alone = await _alone(engine, size)
    return [
        Figure("product.alone", alone, "tokens/s"),
        Figure("product", through, "tokens/s", ALONE, through / alone),
    ]


def _question(number: int) -> str:
    return f"Please tell me about the number #{number}"


async def _through_the_product(size: Size) -> float:
    settings = {
        "model": DEMO_PRESET,
        "data_dir": str(CACHE.parent),
        "max_new_tokens": str(size.tokens),
    }
    async with (
        running_stand_ins() as stand_ins,
        running_stores() as stores,
        running_bot(stores, stand_ins.origin) as bot,
        running_worker(stores, "", slots=size.people, **settings),
        ClientSession() as http,
    ):
        await until_ready(bot)
        took_s = await _all_ask(size, lambda number: _ask_the_bot(bot, stand_ins, http, number))
        tokens = await _written(stores)
    say(f"product: {tokens} tokens in {took_s:.1f} s")
    return tokens / took_s


async def _alone(engine: LocalEngine, size: Size) -> float:
    written: list[int] = []

    async def ask(number: int) -> None:
        written.append(await _ask_the_engine(engine, number))

    took_s = await _all_ask(size, ask)
    say(f"the engine alone: {sum(written)} tokens in {took_s:.1f} s")
    return sum(written) / took_s


async def _all_ask(size: Size, ask: Callable[[int], Awaitable[None]]) -> float:
    """Seconds until all are answered; each person asks one question after the other."""

    async def person(first: int) -> None:
        for number in range(first, first + size.questions):
            await ask(number)

    began = time.monotonic()
    await asyncio.gather(*(person(n * size.questions) for n in range(size.people)))
    return time.monotonic() - began


async def _ask_the_bot(bot: Served, stand_ins: StandIns, http: ClientSession, number: int) -> None:
    url = f"{stand_ins.origin}/slack/{number}"
    body, headers = slack_command(_question(number), url)
    async with http.post(
        f"{bot.url}/webhooks/slack/commands", data=body, headers=headers
    ) as response:
        response.raise_for_status()
    while number not in stand_ins.posts:  # noqa: ASYNC110 - polled: it must cost nothing
        await asyncio.sleep(0.01)


async def _ask_the_engine(engine: LocalEngine, number: int) -> int:
    preset = PRESETS[DEMO_PRESET]
    messages = (
        Message(Role.SYSTEM, preset.system_prompt),
        Message(Role.USER, _question(number)),
    )
    job = Job(id=uuid4(), messages=messages, sampling=preset.sampling)
    *_, last = [piece async for piece in engine.generate(job)]
    return last.completion_tokens if isinstance(last, Completion) else 0


@asynccontextmanager
async def _engine(size: Size) -> AsyncIterator[LocalEngine]:
    engine = LocalEngine(
        DEMO_PRESET, slots=size.people, cache_dir=CACHE, max_new_tokens=size.tokens
    )
    await engine.start(lambda _: None)
    try:
        yield engine
    finally:
        await engine.close()


async def _written(stores: Stores) -> int:
    """The number of tokens of all answers. Raises RuntimeError if one failed."""
    statement = text(
        "SELECT sum(completion_tokens), count(*) FILTER (WHERE status <> 'answered') FROM turns"
    )
    database = connect_database(stores.postgres.url, pool_size=1)
    try:
        async with database.connect() as connection:
            tokens, failed = (await connection.execute(statement)).one()
    finally:
        await database.dispose()
    if failed:
        raise RuntimeError(f"{failed} questions were not answered")
    return int(tokens)
