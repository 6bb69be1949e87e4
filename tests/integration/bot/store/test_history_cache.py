"""Whatever stands in Valkey in place of a history window is a miss, and costs only time."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from redis.asyncio import Redis
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.store.history_cache import TTL_S, Exchange, RecentHistory, Window, mark
from runtime.database import connect_database
from runtime.redis_client import connect_redis
from tests.support.sample_turns import NOON, add_turn, conversation_of

ENTRY = {"mark": "MARK", "prev": "", "text": "다른 질문", "answer": "다른 답"}


def entry(**changed: Any) -> str:
    return json.dumps(ENTRY | changed, ensure_ascii=False)


def without(*names: str) -> str:
    return json.dumps({name: value for name, value in ENTRY.items() if name not in names})


#: Lists of entries that are no window; MARK stands for the mark that is looked for.
BROKEN: dict[str, list[str | bytes]] = {
    "no text": [without("text")],
    "no answer": [without("answer")],
    "no mark": [without("mark")],
    "no prev": [without("prev")],
    "the mark alone": [json.dumps({"mark": "MARK"})],
    "a later version's field": [entry(version=2)],
    "text is a number": [entry(text=7)],
    "text is null": [entry(text=None)],
    "answer is a list": [entry(answer=["다른 답"])],
    "answer is an object": [entry(answer={"text": "다른 답"})],
    "text is true": [entry(text=True)],
    "mark is a list": [entry(mark=["MARK"])],
    "truncated": [entry()[:-5]],
    "empty": [""],
    "not JSON": ["안녕"],
    "JSON, no object": ["[]"],
    "a number": ["1"],
    "null": ["null"],
    "a text": ['"MARK"'],
    "too deep": ["[" * 100_000],
    "binary": [b"\xff\xfe\x00MARK"],
    "binary inside": [entry().encode().replace(b"MARK", b"\xff")],
    "a lone surrogate": [entry().replace("다른 질문", "\\ud800")],
    "a NUL": [entry().replace("다른 질문", "\\u0000")],
    "the second is broken": [entry(mark="0"), without("answer")],
    "the first is broken": ["{", entry(prev="0")],
    "a gap": [entry(mark="0"), entry(prev="1")],
    "another end": [entry(mark="other")],
}


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = connect_database(database_url, pool_size=2)
    yield engine
    await engine.dispose()


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    client = connect_redis(redis_url)
    yield client
    await client.aclose()


async def window_of(database: AsyncEngine, key: str) -> Window:
    """The window of a conversation with one answered turn."""
    await add_turn(database, "질문", "답", key=key)
    conversation = await conversation_of(database, key)
    async with database.begin() as connection:
        settled = text("UPDATE turns SET settled_at = :at WHERE conversation_id = :id")
        await connection.execute(settled, {"at": NOON, "id": conversation})
    return Window(conversation, 0, mark(1, NOON))


async def load(
    database: AsyncEngine, history: RecentHistory, *windows: Window
) -> dict[Window, list[Exchange]]:
    async with database.connect() as connection:
        return await history.load(connection, windows)


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN.keys())
async def test_an_unreadable_window_is_a_miss_and_is_replaced(
    database: AsyncEngine, redis: Redis, broken: list[str | bytes]
) -> None:
    window, good = await window_of(database, "a"), await window_of(database, "b")
    history = RecentHistory(redis, max_turns=3)
    genuine = [Exchange(window.newest, "질문", "답")]
    assert (await load(database, history, good))[good] == genuine
    marked = [
        raw.replace(b"MARK", window.newest.encode())
        if isinstance(raw, bytes)
        else raw.replace("MARK", window.newest)
        for raw in broken
    ]
    await redis.rpush(window.key, *marked)
    loaded = await load(database, history, good, window)
    assert loaded == {good: genuine, window: genuine}
    [kept] = await redis.lrange(window.key, 0, -1)
    assert json.loads(kept)["text"] == "질문"


@pytest.mark.parametrize("kind", ["set", "hset", "sadd", "zadd"])
async def test_a_key_of_another_type_costs_the_other_windows_nothing(
    database: AsyncEngine, redis: Redis, kind: str
) -> None:
    window, good = await window_of(database, "a"), await window_of(database, "b")
    history = RecentHistory(redis, max_turns=3)
    genuine = [Exchange(window.newest, "질문", "답")]
    await load(database, history, good)
    values: dict[str, tuple[Any, ...]] = {
        "set": ("x",), "hset": ("field", "x"), "sadd": ("x",), "zadd": ({"x": 1},)
    }  # fmt: skip
    await getattr(redis, kind)(window.key, *values[kind])
    history.append(
        window.conversation, epoch=0, previous="", exchange=Exchange("other", "또", "네")
    )
    # Only the broken key was missed: Redis itself did not count as gone.
    await redis.delete(good.key)
    await redis.rpush(good.key, json.dumps(ENTRY | {"mark": good.newest}))
    loaded = await load(database, history, window, good)
    assert loaded[window] == genuine
    assert [exchange.text for exchange in loaded[good]] == ["다른 질문"]
    assert await redis.type(window.key) == "list"


@pytest.mark.parametrize("begun", ["by its first answer", "from Postgres"])
async def test_no_answer_prolongs_a_window(database: AsyncEngine, redis: Redis, begun: str) -> None:
    window, history = await window_of(database, "a"), RecentHistory(redis, max_turns=3)
    if begun == "from Postgres":
        await load(database, history, window)
    else:
        first = Exchange(window.newest, "질문", "답")
        history.append(window.conversation, epoch=0, previous="", exchange=first)
        await history.cached([window])
    assert TTL_S - 60 < await redis.ttl(window.key) <= TTL_S
    await redis.expire(window.key, 100)
    second = Exchange(mark(2, NOON), "또", "네")
    history.append(window.conversation, epoch=0, previous=window.newest, exchange=second)
    grown = Window(window.conversation, 0, second.mark)
    assert [one.text for one in (await history.cached([grown]))[grown]] == ["질문", "또"]
    assert await redis.ttl(window.key) <= 100
