"""A background job goes with what asked for it, whatever takes that away, and in every state."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from bot.domain.bot_config import Scope
from bot.domain.datasets import DatasetState
from bot.privacy.retention import Retention
from bot.store import retention_rules, sandbox
from bot.store.datasets import items as dataset_items
from bot.store.datasets import progress, sets
from bot.store.datasets.leaving import leave
from bot.store.replays import items as replay_items
from bot.store.replays import orders
from inference_queue.background.leases import BackgroundLeases
from inference_queue.background.protocol import BackgroundJob
from inference_queue.protocol import Failure, FailureReason
from runtime.redis_client import connect_redis
from tests.support.background import ANY, put_background, question, rendering
from tests.support.replays import order_replay
from tests.support.sample_turns import add_turn, conversation_of

#: One job each that waits, runs and has its result.
STATES = 3
OWNER = "lee"
SCOPE = Scope("slack", "T1", "C1")
PERSON = "0" * 32

End = Callable[[AsyncEngine], Awaitable[object]]


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine(database_url, poolclass=NullPool)
    yield engine
    await engine.dispose()


async def execute(database: AsyncEngine, statement: str, **values: object) -> None:
    async with database.begin() as connection:
        await connection.execute(text(statement), values)


async def old_turns(database: AsyncEngine) -> list[UUID]:
    long_ago = datetime.now(UTC) - timedelta(days=90)
    return [
        await add_turn(database, str(n), key="a", received_at=long_ago + timedelta(minutes=n))
        for n in range(STATES)
    ]


async def ask_again(database: AsyncEngine) -> list[BackgroundJob]:
    """A replay that runs: its jobs."""
    jobs = [question() for _ in range(STATES)]
    replay_id = await order_replay(database)
    batch_id = await put_background(database, *jobs)
    await execute(
        database, "UPDATE replays SET state = 'running', cursor = 'end', batch_id = :batch",
        batch=batch_id,
    )  # fmt: skip
    for position, turn_id in enumerate(await old_turns(database)):
        await execute(
            database,
            "INSERT INTO replay_items (replay_id, position, turn_id, state, job_id) "
            "VALUES (:replay, :position, :turn, 'queued', :job)",
            replay=replay_id, position=position, turn=turn_id, job=jobs[position].id,
        )  # fmt: skip
    return list(jobs)


async def check(database: AsyncEngine) -> list[BackgroundJob]:
    """A data set that is checked: its jobs."""
    jobs = [rendering() for _ in range(STATES)]
    batch_id = await put_background(database, *jobs)
    await execute(
        database,
        "INSERT INTO datasets (name, version, kind, query, loose, preset, max_tokens, batch_id,"
        " author, state) VALUES ('n', 1, 'sft', '', false, 'p', 99, :batch, 'lee', 'checking')",
        batch=batch_id,
    )  # fmt: skip
    other = await add_turn(database, "다른 답", key="other")
    first = await add_turn(database, "앞선 질문", key="first")
    for number, turn_id in enumerate(await old_turns(database)):
        await execute(
            database,
            "INSERT INTO dataset_items (dataset_id, id, turn_id, first_turn_id, other_turn_id,"
            " person, split, source, content, hash, model, preset)"
            " SELECT id, CAST(:item AS text), :turn, :first, :other, :person, 'train',"
            " 'correction', '{}', convert_to(CAST(:item AS text), 'UTF8'), '', '' FROM datasets",
            item=str(number), turn=turn_id, first=first, other=other, person=PERSON,
        )  # fmt: skip
        await execute(
            database,
            "INSERT INTO dataset_checks (job_id, dataset_id, item_id)"
            " SELECT :job, id, :item FROM datasets",
            job=jobs[number].id, item=str(number),
        )  # fmt: skip
    return list(jobs)


async def try_out(database: AsyncEngine) -> list[BackgroundJob]:
    """Questions to a draft that wait: their jobs."""
    jobs = [question() for _ in range(STATES)]
    for job in jobs:
        batch_id = await put_background(database, job)
        await execute(
            database,
            "WITH asked AS (INSERT INTO sandbox_questions (owner, messenger, tenant, room,"
            " question, batch_id) VALUES ('lee', 'slack', 'T1', 'C1', '?', :batch) RETURNING id)"
            " INSERT INTO sandbox_answers (question_id, side, job_id, preset)"
            " SELECT id, 'live', :job, '' FROM asked",
            batch=batch_id, job=job.id,
        )  # fmt: skip
    return list(jobs)


def sql(statement: str) -> End:
    async def end(database: AsyncEngine) -> None:
        await execute(database, statement)

    return end


async def retain(database: AsyncEngine) -> None:
    async with database.begin() as connection:
        assert await retention_rules.set_rule(connection, "", "", 30, by="admin")
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    async with connect_redis("redis://127.0.0.1:1") as redis:  # nothing waits for it
        retention = Retention(database, redis, now=lambda: tomorrow, pause_s=0)
        assert await retention.delete() >= STATES


async def stop_replay(database: AsyncEngine) -> None:
    async with database.begin() as connection:
        [replay_id] = await orders.open_ids(connection)
        assert await orders.stop(connection, replay_id)


async def erase_words(database: AsyncEngine) -> None:
    conversation_id = await conversation_of(database, "a")
    async with database.begin() as connection:
        assert await replay_items.reask(connection, conversation_id) == STATES


async def end_check(database: AsyncEngine) -> None:
    async with database.begin() as connection:
        assert await progress.end_check(connection, 1)


async def fail_check(database: AsyncEngine) -> None:
    async with database.begin() as connection:
        dataset = await progress.claim(connection)
        assert dataset is not None
        await progress.turn_to(connection, dataset, DatasetState.FAILED)


async def remove_dataset(database: AsyncEngine) -> None:
    async with database.begin() as connection:
        assert await sets.remove(connection, 1)


async def take_items_out(database: AsyncEngine) -> None:
    async with database.begin() as connection:
        names = {str(number) for number in range(STATES)}
        assert await dataset_items.take_out(connection, 1, names) == STATES


async def leave_training(database: AsyncEngine) -> None:
    async with database.begin() as connection:
        assert await leave(connection, PERSON) == STATES


async def clear_chat(database: AsyncEngine) -> None:
    async with database.begin() as connection:
        assert len(await sandbox.clear(connection, OWNER, SCOPE)) == STATES


async def give_up(database: AsyncEngine) -> None:
    async with database.begin() as connection:
        assert len(await sandbox.give_up(connection, OWNER, SCOPE)) == STATES


async def expire_chat(database: AsyncEngine) -> None:
    await execute(database, "UPDATE sandbox_questions SET asked_at = now() - interval '2 days'")
    async with database.begin() as connection:
        assert len(await sandbox.expire(connection)) == STATES


BEGINNINGS = {"replay": ask_again, "check": check, "sandbox": try_out}
ENDS: dict[str, tuple[str, End]] = {
    "the turns are deleted": ("replay", sql("DELETE FROM turns")),
    "retention deletes the turns": ("replay", retain),
    "the replay is stopped": ("replay", stop_replay),
    "the replay is deleted": ("replay", sql("DELETE FROM replays")),
    "words of the conversation are erased": ("replay", erase_words),
    "retention deletes the items' turns": ("check", retain),
    "the oldest turn of the items is deleted": (
        "check",
        sql("DELETE FROM turns WHERE text = '앞선 질문'"),
    ),
    "the other answer is deleted": ("check", sql("DELETE FROM turns WHERE text = '다른 답'")),
    "the items do not pass": ("check", take_items_out),
    "the person leaves": ("check", leave_training),
    "the check is ended": ("check", end_check),
    "the check fails": ("check", fail_check),
    "the data set is deleted": ("check", remove_dataset),
    "the chat is cleared": ("sandbox", clear_chat),
    "the wait is given up": ("sandbox", give_up),
    "the chat is a day old": ("sandbox", expire_chat),
}


@pytest.mark.parametrize("how", ENDS)
async def test_no_job_outlives_its_reason(database: AsyncEngine, how: str) -> None:
    beginning, end = ENDS[how]
    bystander = question()
    await BEGINNINGS[beginning](database)
    await put_background(database, bystander)
    leases = BackgroundLeases(database, worker="w", lease_s=600)
    finished, running = await leases.claim(2, ANY)
    failure = Failure(reason=FailureReason.ENGINE_ERROR, message="x")
    assert await leases.finish(finished, failure)
    await end(database)
    async with database.connect() as connection:
        left = (await connection.execute(text("SELECT id FROM background_jobs"))).scalars().all()
    assert left == [bystander.id]
    assert await leases.renew([running]) == set()


async def test_what_is_only_noted_down_leaves_the_job_alone(database: AsyncEngine) -> None:
    jobs = [*await ask_again(database), *await check(database), *await try_out(database)]
    for table, column in (
        ("replay_items", "state"),
        ("dataset_checks", "item_id"),
        ("sandbox_answers", "outcome"),
    ):
        await execute(database, f"UPDATE {table} SET {column} = {column}")
    async with database.connect() as connection:
        left = await connection.execute(text("SELECT id FROM background_jobs"))
        assert set(left.scalars()) == {job.id for job in jobs}


async def test_every_table_that_asks_for_background_jobs_takes_them_along(
    database: AsyncEngine,
) -> None:
    """A new one needs both triggers; a turn's ``job_id`` is of a live job."""
    asking = text(
        "SELECT table_name FROM information_schema.columns WHERE table_schema = 'public'"
        " AND column_name = 'job_id' AND table_name <> 'turns'"
    )
    guarded = text(
        "SELECT event_object_table FROM information_schema.triggers WHERE action_statement"
        " LIKE '%background_jobs%' GROUP BY 1 HAVING count(DISTINCT event_manipulation) = 2"
    )
    async with database.connect() as connection:
        tables = set((await connection.execute(asking)).scalars())
        assert tables == set((await connection.execute(guarded)).scalars())
        assert len(tables) >= 3


async def test_a_result_that_is_taken_while_its_turn_is_deleted_is_dropped(
    database: AsyncEngine,
) -> None:
    await ask_again(database)
    leases = BackgroundLeases(database, worker="w", lease_s=600)
    [lease] = await leases.claim(1, ANY)
    await execute(database, "DELETE FROM turns")
    failure = Failure(reason=FailureReason.ENGINE_ERROR, message=str(uuid4()))
    assert not await leases.finish(lease, failure)
