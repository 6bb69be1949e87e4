"""Whatever a worker writes as a result ends as a failed turn with words, and the replay ends."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from bot.admin.replay.view_models import FAILURES
from inference_queue.background.client import MAX_RESULT_BYTES
from inference_queue.background.leases import BackgroundLeases
from tests.support.replays import (
    OFFER,
    a_feeder,
    answer_all,
    feed,
    items_of,
    order_replay,
    state_of,
)
from tests.support.sample_turns import add_turn

SOUND: dict[str, Any] = {
    "kind": "completion",
    "text": "네.",
    "finish_reason": "stop",
    "model": "m",
    "prompt_tokens": 1,
    "completion_tokens": 1,
    "total_ms": 5.0,
}
WITHOUT = {
    f"without {name}": {key: value for key, value in SOUND.items() if key != name}
    for name in ("kind", "text", "finish_reason", "model", "prompt_tokens", "completion_tokens")
}
CHANGED: dict[str, dict[str, Any]] = {
    "a list for text": {"text": ["네."]},
    "a number for text": {"text": 7},
    "no text": {"text": None},
    "an object for the model": {"model": {"name": "m"}},
    "negative tokens": {"prompt_tokens": -1},
    "huge tokens": {"completion_tokens": 2**31},
    "tokens beyond every integer": {"completion_tokens": 10**300},
    "half a token": {"prompt_tokens": 1.5},
    "true for tokens": {"prompt_tokens": True},
    "text for tokens": {"prompt_tokens": "1"},
    "a negative time": {"total_ms": -1},
    "text for a time": {"total_ms": "5"},
    "an unknown reason to finish": {"finish_reason": "tired"},
    "a list for the reason to finish": {"finish_reason": []},
    "an unknown kind": {"kind": "painting"},
    "a list for the kind": {"kind": ["completion"]},
    "ten megabytes": {"text": "가" * 3_500_000},
    "too much reasoning": {"reasoning": "a" * MAX_RESULT_BYTES},
    "a rendering": {
        "kind": "rendering", "text": "t", "prompt_tokens": 1, "completion_tokens": 1,
        "is_consistent": True, "markers": [],
    },
    "a rendering of wrong types": {"kind": "rendering", "is_consistent": "yes", "markers": 7},
    "an unknown failure": {"kind": "failure", "reason": "tired", "message": "x"},
    "a failure without words": {"kind": "failure", "reason": "expired"},
}  # fmt: skip


def written(body: object) -> str:
    return json.dumps(body, ensure_ascii=False)


#: As JSON, since some of it is nothing that Python writes.
HOSTILE: dict[str, str] = {
    "null": "null",
    "a list": "[]",
    "a number": "7",
    "text": '"네."',
    "an empty object": "{}",
    "a time beyond every float": written(SOUND).replace("5.0", "1e999"),
    "a number of five thousand digits": written(SOUND).replace("5.0", "9" * 5000),
    "deeply nested lists": "[" * 3000 + "]" * 3000,
    **{name: written(SOUND | changes) for name, changes in CHANGED.items()},
    **{name: written(body) for name, body in WITHOUT.items()},
}


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine(database_url, poolclass=NullPool)
    yield engine
    await engine.dispose()


async def execute(database: AsyncEngine, statement: str, **values: object) -> None:
    async with database.begin() as connection:
        await connection.execute(text(statement), values)


async def test_every_hostile_result_ends_as_a_failure_with_words_and_the_replay_ends(
    database: AsyncEngine,
) -> None:
    """All at once: none of them takes a sound answer along either."""
    for number in range(len(HOSTILE) + 1):
        await add_turn(database, f"질문 {number}", "답", key=f"c{number}")
    replay_id, feeder = await order_replay(database), a_feeder(database)
    await feed(feeder)
    leases = BackgroundLeases(database, worker="w", lease_s=60)
    claimed = await leases.claim(100, OFFER)
    assert len(claimed) == len(HOSTILE) + 1
    for lease, body in zip(claimed, [*HOSTILE.values(), written(SOUND)], strict=True):
        await execute(
            database,
            "UPDATE background_jobs SET state = 'finished', finished_at = now(),"
            " result = CAST(:body AS jsonb) WHERE id = :id",
            body=body, id=lease.id,
        )  # fmt: skip
    await feed(feeder)
    assert await state_of(database, replay_id) == "ended"
    items = await items_of(database, replay_id)
    assert [item.answer for item in items if item.state == "answered"] == ["네."]
    failed = {item.failure for item in items if item.state == "failed"}
    assert failed == {"unreadable"} <= FAILURES.keys()
    assert len(items) == len(HOSTILE) + 1


async def refuse(database: AsyncEngine, table: str, condition: str) -> None:
    await execute(
        database,
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'no'; END $$",
    )
    await execute(
        database,
        f"CREATE TRIGGER refuse BEFORE UPDATE ON {table} FOR EACH ROW "
        f"WHEN ({condition}) EXECUTE FUNCTION refuse()",
    )


async def test_an_answer_that_postgres_refuses_fails_alone_and_the_replay_ends(
    database: AsyncEngine,
) -> None:
    for number in range(3):
        await add_turn(database, f"질문 {number}", "답", key=f"c{number}")
    replay_id, feeder = await order_replay(database), a_feeder(database)
    await feed(feeder)
    await answer_all(database)
    await refuse(database, "replay_items", "NEW.answer LIKE '%질문 1'")
    await feed(feeder)
    assert await state_of(database, replay_id) == "ended"
    states = [(item.state, item.failure) for item in await items_of(database, replay_id)]
    assert sorted(states, key=str) == [
        ("answered", None),
        ("answered", None),
        ("failed", "refused"),
    ]


async def test_a_turn_that_postgres_lets_nobody_change_holds_up_no_other(
    database: AsyncEngine,
) -> None:
    for number in range(3):
        await add_turn(database, f"질문 {number}", "답", key=f"c{number}")
    replay_id, feeder = await order_replay(database), a_feeder(database)
    await feed(feeder)
    await answer_all(database)
    await refuse(database, "replay_items", "NEW.position = 2")
    await feed(feeder)
    states = [item.state for item in await items_of(database, replay_id)]
    assert sorted(states) == ["answered", "answered", "queued"]
    await execute(database, "DROP TRIGGER refuse ON replay_items")
    await feed(a_feeder(database))
    assert await state_of(database, replay_id) == "ended"
