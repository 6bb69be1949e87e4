"""An erasure leaves the person's id and words in no table of the database, whatever its name."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from bot.domain.turns import Person
from bot.store import blocked_people, erasure_orders
from bot.store.search import saved
from tests.integration.bot.privacy.erasers import ordered_erasures
from tests.integration.bot.privacy.test_retention import execute, fill
from tests.support.replays import a_feeder, feed, order_replay
from tests.support.sample_turns import add_turn

ID, WORDS = "U-SECRET-PERSON", "SECRET-WORDS"
PERSON = Person(messenger="slack", tenant="T1", sender=ID)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine(database_url)
    yield engine
    await engine.dispose()


async def tables_with(database: AsyncEngine, *words: str) -> set[str]:
    """The tables any of whose rows, written out as text, have one of the words."""
    found = set()
    async with database.connect() as connection:
        names = await connection.execute(
            text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        )
        for name in names.scalars().all():
            for word in words:
                holds = text(
                    f"SELECT EXISTS (SELECT FROM {name} AS t WHERE strpos(t::text, :w) > 0)"
                )
                if await connection.scalar(holds, {"w": word}):
                    found.add(name)
    return found


async def test_nothing_is_left_in_any_table(database: AsyncEngine, redis_url: str) -> None:
    turn_id = await add_turn(
        database, WORDS, WORDS, messenger="slack", tenant="T1", sender=ID, key=ID,
        reasoning=WORDS, prompt=WORDS,
    )  # fmt: skip
    await fill(database, turn_id)
    other = await add_turn(
        database, "남의 것", messenger="slack", tenant="T1", sender="U2", key=ID,
        prompt=f"{ID}: {WORDS}", stopped_by=ID,
    )  # fmt: skip
    values = {"other": other, "id": ID, "words": WORDS}
    for statement in (
        "UPDATE conversations SET tenant = 'T1'",
        "INSERT INTO feedback (turn_id, voter, vote, note) VALUES (:other, :id, 'bad', :words)",
        (
            "INSERT INTO conversation_events (conversation_id, kind, actor)"
            " SELECT conversation_id, 'human_called', :id FROM turns WHERE id = :other"
        ),
    ):
        await execute(
            database, statement, **{k: v for k, v in values.items() if f":{k}" in statement}
        )
    async with database.begin() as connection:
        await saved.save(connection, "lee", "찾기", f"person:{ID}")
        await blocked_people.block(connection, PERSON, name="n", reason=WORDS, by="lee")
        await erasure_orders.order(connection, PERSON, name="n", actor="lee")
    before = await tables_with(database, ID, WORDS)
    assert before >= {"turns", "feedback", "conversation_events", "saved_searches"}
    assert before >= {"blocked_people", "erasure_orders"}
    async with ordered_erasures(database, redis_url) as erasures:
        await erasures.erase()
    # The room is another person's as well, and its key is the messenger's name for it.
    await execute(database, "UPDATE conversations SET key = 'room'")
    assert await tables_with(database, ID, WORDS) == set()


async def test_no_job_of_a_replay_holds_the_words_once_the_receipt_is_written(
    database: AsyncEngine, redis_url: str
) -> None:
    place: dict[str, Any] = {"messenger": "slack", "tenant": "T1", "key": "room"}
    await add_turn(database, WORDS, WORDS, sender=ID, **place)
    await add_turn(database, "남의 것", "답", sender="U2", prompt=f"{ID}: {WORDS}", **place)
    await order_replay(database)
    await feed(a_feeder(database))
    assert "background_jobs" in await tables_with(database, WORDS)
    async with database.begin() as connection:
        await erasure_orders.order(connection, PERSON, name="n", actor="lee")
    async with ordered_erasures(database, redis_url) as erasures:
        await erasures.erase()
    assert await tables_with(database, ID, WORDS) == set()
