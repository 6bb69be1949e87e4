"""Retention: what is old by its rule goes in small steps, with all that hangs on it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from bot.privacy import retention as retention_job
from bot.privacy.retention import Retention, last_night
from bot.store import retention, retention_rules
from bot.store.history_cache import KEY
from bot.store.retention import RetentionRun
from bot.store.schema import conversations, turns
from runtime.redis_client import connect_redis
from tests.support.admin import add_user
from tests.support.sample_turns import add_turn

NOW = datetime.now(UTC)
TOMORROW = NOW + timedelta(days=1)
NO_REDIS = "redis://127.0.0.1:1"
_FREE = "SELECT id FROM conversations FOR UPDATE SKIP LOCKED"


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine(database_url)
    yield engine
    await engine.dispose()


def ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


async def keep(
    database: AsyncEngine, days: int | None, messenger: str = "", tenant: str = ""
) -> None:
    async with database.begin() as connection:
        assert await retention_rules.set_rule(connection, messenger, tenant, days, by="admin")


async def drop(database: AsyncEngine, messenger: str, tenant: str) -> None:
    async with database.begin() as connection:
        assert await retention_rules.drop_rule(connection, messenger, tenant)


async def run(database: AsyncEngine, now: datetime = TOMORROW) -> int:
    async with connect_redis(NO_REDIS) as redis:  # nothing waits for it
        return await Retention(database, redis, now=lambda: now, pause_s=0).delete()


async def left(database: AsyncEngine) -> set[str]:
    async with database.connect() as connection:
        return set((await connection.execute(select(turns.c.text))).scalars())


async def runs(database: AsyncEngine) -> list[RetentionRun]:
    async with database.connect() as connection:
        return await retention.newest_runs(connection, limit=9)


async def execute(database: AsyncEngine, statement: str, **values: object) -> None:
    async with database.begin() as connection:
        await connection.execute(text(statement), values)


async def test_without_a_rule_everything_is_kept(database: AsyncEngine) -> None:
    await add_turn(database, "아주 오래된 질문", received_at=ago(3000))
    assert await run(database) == 0
    assert await left(database) == {"아주 오래된 질문"}
    (ended,) = await runs(database)
    assert ended.finished_at


async def test_what_is_older_than_the_rule_goes_and_the_rest_stays(database: AsyncEngine) -> None:
    await keep(database, 30)
    for days in (100, 31, 29, 0):
        await add_turn(database, f"{days}일 전", received_at=ago(days))
    assert await run(database) == 2
    assert await left(database) == {"29일 전", "0일 전"}
    (ended,) = await runs(database)
    assert (ended.turns, ended.conversations) == (2, 0)
    assert ended.finished_at


@pytest.mark.parametrize(
    ("rules", "stays"),
    [
        ({("", ""): 10}, set()),
        ({("", ""): 10, ("kakao", ""): 50}, {"kakao shop"}),
        ({("", ""): 10, ("kakao", "shop"): None}, {"kakao shop"}),
        ({("", ""): 50, ("kakao", ""): 10}, {"slack shop"}),
        ({("", ""): None, ("kakao", ""): 50, ("kakao", "shop"): 10}, {"slack shop"}),
        ({("kakao", "another"): 10}, {"kakao shop", "slack shop"}),
    ],
)
async def test_the_most_specific_rule_counts(
    database: AsyncEngine, rules: dict[tuple[str, str], int | None], stays: set[str]
) -> None:
    for (messenger, tenant), days in rules.items():
        await keep(database, days, messenger, tenant)
    for messenger in ("kakao", "slack"):
        await add_turn(
            database, f"{messenger} shop", messenger=messenger, key=messenger, received_at=ago(20)
        )
    await run(database)
    assert await left(database) == stays


@pytest.mark.parametrize("status", ["received", "queued", "generating"])
async def test_an_open_turn_stays_however_old(database: AsyncEngine, status: str) -> None:
    await keep(database, 1)
    await add_turn(database, "열린 질문", None, status=status, delivery=None, received_at=ago(9))
    assert await run(database) == 0
    assert await left(database) == {"열린 질문"}


@pytest.mark.parametrize(
    ("state", "stays"),
    [
        ("pending", True),
        ("sending", True),
        ("held", True),
        ("delivered", False),
        ("failed", False),
        ("expired", False),
        ("unconfirmed", False),
    ],
)
async def test_a_turn_stays_until_its_delivery_is_over(
    database: AsyncEngine, state: str, stays: bool
) -> None:
    await keep(database, 1)
    await add_turn(database, delivery=state, received_at=ago(9))
    await run(database)
    assert bool(await left(database)) is stays


async def test_a_turn_whose_answer_is_looked_up_stays(database: AsyncEngine) -> None:
    await keep(database, 1)
    await add_turn(database, delivery="unconfirmed", received_at=ago(9))
    await execute(database, "UPDATE deliveries SET trace_at = now() + interval '1 minute'")
    assert await run(database) == 0


@pytest.mark.parametrize("link", ["regenerates", "continues"])
async def test_a_turn_that_an_open_one_reads_stays(database: AsyncEngine, link: str) -> None:
    await keep(database, 1)
    older = await add_turn(database, "먼저", received_at=ago(9))
    read: dict[str, Any] = {link: older}
    await add_turn(
        database, "다시", None, status="queued", delivery=None, received_at=ago(0), **read
    )
    assert await run(database) == 0


async def test_everything_that_hangs_on_a_turn_goes_with_it(database: AsyncEngine) -> None:
    await keep(database, 1)
    old, new = [await add_turn(database, received_at=ago(days), key=str(days)) for days in (9, 0)]
    for turn_id in (old, new):
        await fill(database, turn_id)
    before = await rows_of(database, old)
    assert before
    assert set(before.values()) == {1}
    await run(database)
    assert set((await rows_of(database, old)).values()) == {0}
    assert await rows_of(database, new) == before


#: The turn in a queue, judged, decided on.
REVIEWED = (
    (
        "INSERT INTO review_queues (name, sampling, seed, created_by) "
        "SELECT 'q', 'all', 1, max(id) FROM dashboard_users"
    ),
    (
        "INSERT INTO review_items (queue_id, turn_id, received_at, missing) "
        "SELECT max(id), :turn, now(), 1 FROM review_queues"
    ),
    (
        "INSERT INTO reviews (turn_id, reviewer_id, verdict) "
        "SELECT :turn, max(id), 'good' FROM dashboard_users"
    ),
    (
        "INSERT INTO review_verdicts (turn_id, adjudicator_id, verdict) "
        "SELECT :turn, max(id), 'good' FROM dashboard_users"
    ),
    "INSERT INTO judged_turns (turn_id, received_at) VALUES (:turn, now())",
)
#: The turn in a comparison, in a data set, and in an evaluation.
USED_AGAIN = (
    (
        "INSERT INTO replays (name, author, state, max_turns, options, batch_id, seed) "
        "VALUES ('r', 'admin', 'ended', 1, '{}', gen_random_uuid(), 1)"
    ),
    (
        "INSERT INTO replay_items (replay_id, position, turn_id) "
        "SELECT max(id), 1, :turn FROM replays"
    ),
    (
        "INSERT INTO datasets (name, version, kind, query, loose, max_tokens, batch_id, author) "
        "SELECT 'd', count(*), 'sft', '', false, 0, gen_random_uuid(), 'admin' FROM datasets"
    ),
    (
        "INSERT INTO dataset_items (dataset_id, id, turn_id, first_turn_id, person, split, source,"
        " content, hash, model, preset) SELECT max(id), 'i', :turn, :turn, 'p', 'train', 'review',"
        " '{}', '', 'm', 'p' FROM datasets"
    ),
    (
        "INSERT INTO evaluations (kind, name, baseline, candidate, report, sha256, author, made_at)"
        " SELECT 'comparison', 'q', 'a', 'b', '{}', count(*)::text::bytea, 'admin', now()"
        " FROM evaluations"
    ),
    (
        "INSERT INTO evaluation_pairs (evaluation_id, position, turn_id, category, question,"
        " baseline, candidate) SELECT max(id), 1, :turn, '-', 'q', 'a', 'b' FROM evaluations"
    ),
)


async def fill(database: AsyncEngine, turn_id: UUID) -> None:
    """A row in each table that refers to turns, a job, and an event of the conversation."""
    job, of = uuid4(), {"turn": turn_id}
    await add_user(database, f"reviewer of {turn_id}")
    for statement in (
        f"INSERT INTO jobs (id, payload, state) VALUES ('{job}', '{{}}', 'finished')",
        f"UPDATE turns SET job_id = '{job}' WHERE id = :turn",
        (
            "INSERT INTO delivery_attempts (turn_id, claim, via, state, claimed_at) "
            "VALUES (:turn, 1, 'post', 'delivered', now())"
        ),
        (
            "INSERT INTO turn_pictures (turn_id, position, media_type, data) "
            "VALUES (:turn, 0, 'image/png', '')"
        ),
        "INSERT INTO posts (turn_id, part, room, state) VALUES (:turn, 0, 'C1', 'final')",
        "INSERT INTO feedback (turn_id, voter, vote) VALUES (:turn, 'U1', 'good')",
        "INSERT INTO search_entries (turn_id, received_at, keys) VALUES (:turn, now(), '{1}')",
        (
            "INSERT INTO conversation_events (conversation_id, kind, at) "
            "SELECT conversation_id, 'reset', received_at FROM turns WHERE id = :turn"
        ),
        *REVIEWED,
        *USED_AGAIN,
    ):
        await execute(database, statement, **of)


async def rows_of(database: AsyncEngine, turn_id: UUID) -> dict[str, int]:
    """The number of rows about the turn, by table, as the database's own catalogue has them."""
    async with database.connect() as connection:
        tables = await connection.execute(
            text(
                "SELECT conrelid::regclass::text FROM pg_constraint "
                "WHERE confrelid = 'turns'::regclass AND contype = 'f'"
            )
        )
        counts = {}
        for table in tables.scalars().all():
            counting = text(f"SELECT count(*) FROM {table} WHERE turn_id = :turn")
            counts[table] = int(await connection.scalar(counting, {"turn": turn_id}) or 0)
        job = "(SELECT job_id FROM turns WHERE id = :turn)"
        for table, condition in (("turns", "id = :turn"), ("jobs", f"id = {job}")):
            counting = text(f"SELECT count(*) FROM {table} WHERE {condition}")
            counts[table] = int(await connection.scalar(counting, {"turn": turn_id}) or 0)
    return counts


async def test_the_jobs_and_events_of_old_turns_go_too(database: AsyncEngine) -> None:
    await keep(database, 1)
    old = await add_turn(database, received_at=ago(9))
    await fill(database, old)
    await add_turn(database, received_at=ago(0))
    await run(database)
    async with database.connect() as connection:
        for table in ("jobs", "conversation_events"):
            assert await connection.scalar(text(f"SELECT count(*) FROM {table}")) == 0


async def test_a_conversation_goes_with_its_last_turn_only(database: AsyncEngine) -> None:
    await keep(database, 10)
    await add_turn(database, key="old", received_at=ago(20))
    for days in (20, 5):
        await add_turn(database, key="alive", received_at=ago(days))
    await run(database)
    async with database.connect() as connection:
        assert list((await connection.execute(select(conversations.c.key))).scalars()) == ["alive"]


async def test_many_turns_go_in_small_transactions(
    database: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await keep(database, 1)
    for number in range(450):
        await add_turn(
            database, str(number), key=str(number % 3), received_at=ago(9 - number / 999)
        )
    steps = []
    delete_some = retention.delete_some

    async def noted(connection: object) -> object:
        steps.append(await delete_some(connection))  # type: ignore[arg-type]
        return steps[-1]

    monkeypatch.setattr(retention, "delete_some", noted)
    assert await run(database) == 450
    assert [step.turns for step in steps if step] == [200, 200, 50]


async def test_a_run_that_was_broken_off_goes_on(database: AsyncEngine) -> None:
    await keep(database, 1)
    for number in range(250):
        await add_turn(database, str(number), key=str(number % 3), received_at=ago(9))
    async with database.begin() as connection:
        await retention.begin_run(connection, since=TOMORROW)
        step = await retention.delete_some(connection)
    assert step is not None
    assert (step.turns, step.ends, len(step.windows)) == (200, False, 3)
    (begun,) = await runs(database)
    assert (begun.turns, begun.finished_at) == (200, None)
    assert begun.reached_at
    assert begun.until
    assert begun.reached_at < begun.until
    assert await run(database) == 50
    (ended,) = await runs(database)
    assert (ended.id, ended.turns, bool(ended.finished_at)) == (begun.id, 250, True)


async def test_two_bots_at_once_delete_each_turn_once(database: AsyncEngine) -> None:
    await keep(database, 1)
    for number in range(300):
        await add_turn(database, str(number), key=str(number % 3), received_at=ago(9))
    await asyncio.gather(run(database), run(database))
    await run(database)
    assert sum(ended.turns for ended in await runs(database)) == 300
    assert await left(database) == set()


async def test_there_is_one_run_a_night(database: AsyncEngine) -> None:
    await keep(database, 1)
    evening = datetime(2030, 5, 1, 20, 0, tzinfo=UTC)  # five o'clock in Seoul
    await execute(
        database,
        "INSERT INTO retention_runs (started_at, finished_at) VALUES (:at, :at)",
        at=evening - timedelta(hours=1),
    )
    await add_turn(database, received_at=ago(9))
    assert await run(database, evening) == 0
    assert await run(database, evening + timedelta(hours=21)) == 0
    assert await run(database, evening + timedelta(hours=23)) == 1


def test_the_night_is_korea_s() -> None:
    night = datetime(2026, 11, 25, 18, 0, tzinfo=UTC)
    assert last_night(night) == night
    assert last_night(night - timedelta(seconds=1)) == night - timedelta(days=1)
    assert last_night(night + timedelta(hours=23)) == night


async def test_a_rule_that_changes_during_a_run_waits_for_the_next(database: AsyncEngine) -> None:
    await keep(database, 30)
    await add_turn(database, "31일 전", received_at=ago(31))
    await add_turn(database, "29일 전", received_at=ago(29))
    async with database.begin() as connection:
        await retention.begin_run(connection, since=TOMORROW)
    await keep(database, 1, "kakao")
    assert await run(database) == 0
    assert await run(database, TOMORROW + timedelta(days=1)) == 2


async def test_an_accept_meanwhile_keeps_its_conversation(database: AsyncEngine) -> None:
    """The conversation's only old turn goes while a new one is being accepted."""
    await keep(database, 1)
    await add_turn(database, "옛 질문", received_at=ago(9))
    async with database.connect() as accepting:
        await accepting.execute(
            text("UPDATE conversations SET last_seq = last_seq + 1, updated_at = now()")
        )
        deleting = asyncio.create_task(run(database))
        await waits_for_a_lock(database)
        await accepting.execute(
            text(
                "INSERT INTO turns (id, conversation_id, seq, epoch, messenger, tenant, event_key,"
                " sender, text, reply_handle, expires_at) SELECT gen_random_uuid(), id, last_seq,"
                " 0, messenger, tenant, 'new', 'U', '새 질문', '{}', now() FROM conversations"
            )
        )
        await accepting.commit()
    assert await deleting == 1
    assert await left(database) == {"새 질문"}


async def waits_for_a_lock(database: AsyncEngine) -> None:
    async with asyncio.timeout(60):
        while True:
            async with database.connect() as connection:
                waiting = await connection.scalar(
                    select(func.count()).select_from(text("pg_locks")).where(text("NOT granted"))
                )
            if waiting:
                return
            await asyncio.sleep(0.02)


async def test_there_are_few_rules(database: AsyncEngine) -> None:
    async with database.begin() as connection:
        for number in range(retention_rules.MAX_RULES):
            stored = await retention_rules.set_rule(connection, "kakao", f"t{number}", 1, by="a")
            assert stored
        assert not await retention_rules.set_rule(connection, "kakao", "one more", 1, by="a")
        assert await retention_rules.set_rule(connection, "kakao", "t0", None, by="b")
        assert len(await retention_rules.list_rules(connection)) == retention_rules.MAX_RULES
        changed = await retention_rules.find_rule(connection, "kakao", "t0")
    assert changed
    assert (changed.days, changed.changed_by) == (None, "b")


async def test_the_copy_of_a_history_goes_with_its_turns(
    database: AsyncEngine, redis_url: str
) -> None:
    """A later prompt reads it first."""
    await keep(database, 30)
    old = await add_turn(database, "옛 질문", received_at=ago(100))
    await add_turn(database, "딴 데", received_at=ago(1), key="room-2")
    async with database.connect() as connection:
        found = await connection.execute(select(turns.c.id, turns.c.conversation_id))
    keys = {row.id: KEY.format(conversation=row.conversation_id, epoch=0) for row in found}
    async with connect_redis(redis_url) as redis:
        for key in keys.values():
            await redis.rpush(key, "{}")
        assert await Retention(database, redis, now=lambda: TOMORROW, pause_s=0).delete() == 1
        assert [turn_id for turn_id, key in keys.items() if not await redis.exists(key)] == [old]


async def test_no_history_in_redis_outlives_its_turns(
    database: AsyncEngine, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await keep(database, 10)
    await add_turn(database, "옛 질문", received_at=ago(20))
    await add_turn(database, "새 질문", received_at=ago(1))
    seen = []

    async def noted(*_: object, **__: object) -> None:
        seen.append((await left(database), await free()))

    async def free() -> int:
        async with database.connect() as connection:
            return len((await connection.execute(text(_FREE))).all())

    monkeypatch.setattr(retention_job, "forget_copies", noted)
    await run(database)
    assert seen[0] == ({"옛 질문", "새 질문"}, 0)  # not committed, and the conversation is locked
    assert await left(database) == {"새 질문"}


async def test_no_lock_is_held_for_a_redis_that_hangs(
    database: AsyncEngine, redis_url: str
) -> None:
    await keep(database, 10)
    await add_turn(database, received_at=ago(20))
    held: list[float] = []

    async def hold() -> None:
        while not held or await left(database):
            async with database.begin() as connection:
                began = time.monotonic()
                await connection.execute(text("SELECT FROM conversations FOR UPDATE"))
                held.append(time.monotonic() - began)
            await asyncio.sleep(0.01)

    async with connect_redis(redis_url) as redis:
        await redis.client_pause(1_300)
        job = Retention(database, redis, now=lambda: TOMORROW, pause_s=0)
        await asyncio.gather(job.delete(), hold())
        await asyncio.sleep(1.3)  # the next test's server answers again
    assert 0.2 < max(held) < 0.9
