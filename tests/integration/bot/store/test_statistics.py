"""Ended turns are counted once each, in the minute of their end, whatever happens meanwhile."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from bot.admin.charts.counter import StatisticsCounter
from bot.store import statistics
from bot.store.statistics_scale import STEPS_S
from tests.support.sample_turns import NOON, add_turn

MINUTE = timedelta(minutes=1)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine(database_url)
    yield engine
    await engine.dispose()


async def count(database: AsyncEngine, *, batch: int = 2000) -> statistics.Counted:
    async with database.begin() as connection:
        await statistics.begin(connection)
    while True:
        async with database.begin() as connection:
            counted = await statistics.count_ended(connection, batch=batch)
        assert counted is not None
        if not counted.more:
            return counted


async def totals(database: AsyncEngine, step_s: int = 60) -> dict[str, Any]:
    """The sums over all rows of a step, and of their details."""
    async with database.connect() as connection:
        rows = (
            await connection.execute(
                text("SELECT * FROM statistics WHERE step_s = :step"), {"step": step_s}
            )
        ).mappings()
        sums: Counter[str] = Counter()
        for row in rows:
            sums.update({name: v for name, v in row.items() if isinstance(v, int)})
            sums.update(row["details"])
    return dict(sums)


async def execute(database: AsyncEngine, statement: str, **values: object) -> None:
    async with database.begin() as connection:
        await connection.execute(text(statement), values)


async def test_a_turn_is_counted_in_every_step_with_its_stages(database: AsyncEngine) -> None:
    await add_turn(database)
    await count(database)
    for step_s in STEPS_S:
        sums = await totals(database, step_s)
        assert sums["ended"] == sums["answered"] == sums["judged"] == sums["in_time"] == 1
        assert sums["begun"] == 1
        assert sums["completion_tokens"] == len("보통 이틀 걸립니다.")
        # 8 ms to the queue, 34 to the worker, 180 to the first token, 90 to the messenger.
        assert sums["queue:13"] == sums["start:21"] == sums["first_token:30"] == 1
        assert sums["deliver:26"] == 1


async def test_counting_again_counts_nothing_again(database: AsyncEngine) -> None:
    for _ in range(3):
        await add_turn(database)
    await count(database)
    await count(database)
    assert (await totals(database))["ended"] == 3


async def test_small_batches_count_the_same(database: AsyncEngine) -> None:
    for number in range(9):
        await add_turn(database, received_at=NOON + number // 3 * MINUTE)  # three end at once
    await count(database, batch=2)
    assert (await totals(database))["ended"] == 9
    assert (await totals(database))["deliver:26"] == 9


async def test_what_ended_a_moment_ago_is_left_to_the_next_look(database: AsyncEngine) -> None:
    await add_turn(database, settled_at=datetime.now(UTC))
    await count(database)
    assert await totals(database) == {}


async def test_a_transaction_that_commits_late_is_counted_later(database: AsyncEngine) -> None:
    turn = await add_turn(database, status="generating", answer=None, delivery=None)
    async with database.begin() as late:
        end = "UPDATE turns SET status = 'failed', settled_at = now() WHERE id = :id"
        await late.execute(text(end), {"id": turn})
        await asyncio.sleep(0.05)
        async with database.begin() as connection:
            await statistics.begin(connection)
            assert await statistics.count_ended(connection, lag_s=0.0)
    async with database.begin() as connection:
        await statistics.count_ended(connection, lag_s=0.0)
    assert (await totals(database))["failed"] == 1


async def test_a_late_delivery_counts_in_the_minute_of_its_turn(database: AsyncEngine) -> None:
    turn = await add_turn(database, delivery="held")
    await count(database)
    assert (await totals(database)).get("judged", 0) == 0
    await execute(
        database,
        "UPDATE deliveries SET state = 'delivered', delivered_at = :at WHERE turn_id = :id",
        at=NOON + timedelta(seconds=30),
        id=turn,
    )
    for _ in range(2):
        await count(database)
    sums = await totals(database)
    assert sums["ended"] == sums["judged"] == sums["in_time"] == 1
    async with database.connect() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM statistics_open")) == 0
        rows = "SELECT count(*) FROM statistics WHERE step_s = 60"
        assert await connection.scalar(text(rows)) == 1


async def test_an_answer_after_its_due_time_is_not_in_time(database: AsyncEngine) -> None:
    late = await add_turn(database)
    own = await add_turn(database)
    move = "UPDATE deliveries SET delivered_at = :at, callback_until = :due WHERE turn_id = :id"
    await execute(database, move, at=NOON + timedelta(seconds=61), due=None, id=late)
    due = NOON + timedelta(seconds=90)
    await execute(database, move, at=NOON + timedelta(seconds=61), due=due, id=own)
    await count(database)
    sums = await totals(database)
    assert (sums["judged"], sums["in_time"]) == (2, 1)


async def test_failures_count_by_their_reason(database: AsyncEngine) -> None:
    failed: dict[str, Any] = {"status": "failed", "settled_at": NOON, "delivery": "failed"}
    for reason in ("engine_error", "engine_error", "a_newer_reason"):
        await add_turn(database, answer=None, failure_reason=reason, **failed)
    await count(database)
    sums = await totals(database)
    assert sums["failed"] == sums["judged"] == 3
    assert sums["in_time"] == 0
    assert (sums["failed:engine_error"], sums["failed:a_newer_reason"]) == (2, 1)


async def test_an_erased_turn_stays_counted_and_blocks_nothing(database: AsyncEngine) -> None:
    turn = await add_turn(database, delivery="held")
    await count(database)
    await execute(database, "DELETE FROM turns WHERE id = :id", id=turn)
    await count(database)
    assert (await totals(database))["ended"] == 1
    async with database.connect() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM statistics_open")) == 0


@pytest.mark.parametrize("odd", ["NaN", "Infinity", "-5"])
async def test_an_odd_duration_breaks_no_batch(database: AsyncEngine, odd: str) -> None:
    turn = await add_turn(database)
    sql = f"UPDATE turns SET total_ms = '{odd}', first_token_ms = '{odd}' WHERE id = :id"
    await execute(database, sql, id=turn)
    await count(database)
    assert (await totals(database))["ended"] == 1


async def test_votes_are_counted_once(database: AsyncEngine) -> None:
    turn = await add_turn(database)
    vote = (
        "INSERT INTO feedback (turn_id, voter, vote, created_at) VALUES (:id, :voter, :vote, :at)"
    )
    for voter, value in (("a", "good"), ("b", "bad"), ("c", "bad")):
        await execute(database, vote, id=turn, voter=voter, vote=value, at=NOON)
    for _ in range(2):
        async with database.begin() as connection:
            await statistics.begin(connection)
            assert await statistics.count_votes(connection)
    sums = await totals(database)
    assert (sums["good_votes"], sums["bad_votes"]) == (1, 2)


async def test_only_one_bot_counts_at_a_time(database: AsyncEngine) -> None:
    await add_turn(database)
    async with database.begin() as connection:
        await statistics.begin(connection)
    async with database.begin() as first, database.begin() as second:
        assert await statistics.count_ended(first)
        assert await statistics.count_ended(second) is None
    assert (await totals(database))["ended"] == 1


async def test_the_job_counts_what_there_was_before_it(database: AsyncEngine) -> None:
    for number in range(5):
        await add_turn(
            database, key=f"room-{number}", received_at=NOON - number * timedelta(days=9)
        )
    await add_turn(database, answer=None, delivery=None)
    await StatisticsCounter(database=database).count()
    sums = await totals(database)
    assert (sums["ended"], sums["max_waiting"]) == (5, 1)
    async with database.connect() as connection:
        until = await statistics.counted_until(connection)
    assert until is not None
    assert until > datetime.now(UTC) - timedelta(minutes=1)


async def test_outlived_rows_are_forgotten(database: AsyncEngine) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=100)
    await add_turn(database, received_at=long_ago)
    await count(database)
    async with database.begin() as connection:
        assert await statistics.forget(connection) == 3
    assert await totals(database, 60) == {}
    assert (await totals(database, 3600))["ended"] == 1
