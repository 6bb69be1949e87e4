"""A settlement beside every other writer: what is committed while its statement waits counts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import orjson
import pytest
from sqlalchemy import Text, Uuid, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bot.conversation.settler import SETTLE_BATCH
from bot.domain.turns import Person
from bot.store import conversations, erasure
from bot.store import inbox as inbox_store
from bot.store.settlements import SettledTurn
from runtime.database import BY_KEY, connect_database
from runtime.direct import begin_directly, connect_directly
from tests.integration.bot.conversation.conversation_parts import (
    Parts,
    running_parts,
    utterance,
)
from tests.support.blocked import until_blocked
from tests.support.settling import Route, settle_finished

#: How the version before took and settled jobs, in one transaction.
BEFORE_TAKE = text(
    """
    DELETE FROM jobs
    WHERE id = ANY(ARRAY(
        SELECT id FROM jobs
        WHERE state = 'finished' AND id <> ALL(:excluded) AND (:only IS NULL OR id = ANY(:only))
        ORDER BY finished_at
        FOR UPDATE SKIP LOCKED LIMIT :limit
    ))
    RETURNING id, result, remarks, started_at, runs
    """
).bindparams(bindparam("only", None, ARRAY(Uuid)), bindparam("excluded", [], ARRAY(Uuid)))
BEFORE_LOCK = text(
    """
    SELECT turns.job_id, conversations.history_seq
    FROM turns JOIN conversations ON conversations.id = turns.conversation_id
    WHERE turns.job_id = ANY(:job_ids) AND turns.status || '' IN ('queued', 'generating')
    ORDER BY conversations.messenger, conversations.tenant, conversations.key
    FOR UPDATE OF conversations
    """
).bindparams(bindparam("job_ids", type_=ARRAY(Uuid)))
BEFORE_SETTLE = text(
    """
    WITH result AS (
        SELECT * FROM json_to_recordset(CAST(:results AS json)) AS result (
            job_id uuid, status text, answer text
        )
    ), settled AS (
        UPDATE turns
        SET status = result.status, settled_at = now(), answer = result.answer
        FROM result
        WHERE turns.job_id = result.job_id AND turns.status IN ('queued', 'generating')
        RETURNING turns.id, conversation_id, seq, epoch
    ), remembered AS (
        UPDATE conversations SET history_seq = settled.seq
        FROM settled
        WHERE conversations.id = settled.conversation_id AND conversations.epoch = settled.epoch
    )
    SELECT id FROM settled
    """
).bindparams(bindparam("results", type_=Text))


@pytest.fixture
async def parts(database_url: str, redis_url: str) -> AsyncIterator[Parts]:
    async with running_parts(database_url, redis_url) as parts:
        yield parts


@pytest.fixture(params=Route)
def route(request: pytest.FixtureRequest) -> Route:
    return request.param  # type: ignore[no-any-return]


async def answered(parts: Parts, *keys: str) -> None:
    """A turn with a finished job in each conversation."""
    for key in keys:
        await parts.wait(f"말 {key}", key=key)
    await parts.schedule_all()
    assert await parts.work() == len(keys)


@asynccontextmanager
async def settling(
    parts: Parts, route: Route, database: AsyncEngine | None = None
) -> AsyncIterator[asyncio.Task[list[SettledTurn]]]:
    """A settlement that waits inside the context, and goes on when it ends."""

    async def run() -> list[SettledTurn]:
        async with connect_directly(database or parts.database) as connection:
            return await settle_finished(connection, parts.queue, route)

    task = asyncio.create_task(run())
    await until_blocked(parts.database)
    assert not task.done()
    yield task


async def settle_as_before(connection: AsyncConnection) -> list[UUID]:
    """The version before takes and settles what is finished."""
    taken = (await connection.execute(BEFORE_TAKE, {"limit": 20})).all()
    if not taken:
        return []
    await connection.execute(BEFORE_LOCK, {"job_ids": [row.id for row in taken]})
    results = [{"job_id": str(row.id), "status": "answered", "answer": "예전"} for row in taken]
    values = {"results": orjson.dumps(results).decode()}
    return list((await connection.execute(BEFORE_SETTLE, values)).scalars())


async def test_what_is_accepted_while_the_settlement_waits_is_not_left_waiting(
    parts: Parts,
    route: Route,
) -> None:
    await answered(parts, "철수")
    async with parts.database.begin() as accepting:
        await inbox_store.accept(accepting, [utterance("또", key="철수")])
        async with settling(parts, route) as task:
            pass
    assert [turn.more for turn in await task] == [True]


async def test_nothing_more_is_scheduled_where_nothing_waits(parts: Parts, route: Route) -> None:
    await answered(parts, "철수")
    async with connect_directly(parts.database) as connection:
        [turn] = await settle_finished(connection, parts.queue, route)
    assert not turn.more


async def test_a_reset_while_the_settlement_waits_forgets_its_answer(
    parts: Parts, route: Route
) -> None:
    await answered(parts, "철수")
    async with parts.database.begin() as resetting:
        await conversations.reset(resetting, messenger="slack", tenant="T1", key="철수")
        async with settling(parts, route) as task:
            pass
    [turn] = await task
    assert turn.previous is None
    [conversation] = await parts.rows("SELECT epoch, history_seq FROM conversations")
    assert (conversation.epoch, conversation.history_seq) == (1, 0)
    assert await parts.statuses() == {"말 철수": "answered"}


async def test_what_is_erased_while_the_settlement_waits_stays_erased(
    parts: Parts, route: Route
) -> None:
    await answered(parts, "철수")
    async with parts.database.begin() as erasing:
        await erasure.erase_turns(erasing, Person(messenger="slack", tenant="T1", sender="U1"))
        async with settling(parts, route) as task:
            pass
    assert await task == []
    assert await parts.rows("SELECT id FROM turns") == []
    assert await parts.rows("SELECT id FROM jobs") == []


async def test_a_turn_that_is_marked_meanwhile_is_settled_all_the_same(
    parts: Parts, route: Route
) -> None:
    await answered(parts, "철수")
    async with parts.database.begin() as marking:
        await marking.execute(
            text("UPDATE turns SET status = 'generating', started_at = '2026-01-01+00'")
        )
        async with settling(parts, route) as task:
            pass
    assert len(await task) == 1
    [turn] = await parts.rows("SELECT status, started_at FROM turns")
    assert (turn.status, turn.started_at.year) == ("answered", 2026)
    assert turn.started_at.isoformat().startswith("2026-01-01")


@pytest.mark.parametrize("other_route", Route)
async def test_one_of_two_bots_settles_and_the_other_does_not_wait(
    parts: Parts, route: Route, other_route: Route
) -> None:
    await answered(parts, "철수", "영희")
    async with parts.database.begin() as holder:
        await holder.execute(text("SELECT FROM conversations FOR UPDATE"))
        async with settling(parts, route) as task, connect_directly(parts.database) as other:
            assert await settle_finished(other, parts.queue, other_route) == []
    assert len(await task) == 2
    async with connect_directly(parts.database) as other:
        assert await settle_finished(other, parts.queue, other_route) == []


async def test_the_version_before_settles_what_it_has_taken(parts: Parts, route: Route) -> None:
    await answered(parts, "철수", "영희")
    async with parts.database.begin() as before, connect_directly(parts.database) as now:
        assert len(await settle_as_before(before)) == 2
        assert await settle_finished(now, parts.queue, route) == []
    async with connect_directly(parts.database) as now:
        assert await settle_finished(now, parts.queue, route) == []
    assert {row.answer for row in await parts.rows("SELECT answer FROM turns")} == {"예전"}


async def test_the_version_before_leaves_what_is_settled_now(parts: Parts, route: Route) -> None:
    await answered(parts, "철수", "영희")
    async with begin_directly(parts.database) as now, parts.database.begin() as before:
        assert len(await settle_finished(now, parts.queue, route)) == 2
        assert await settle_as_before(before) == []
    async with parts.database.begin() as before:
        assert await settle_as_before(before) == []
    answers = {row.answer for row in await parts.rows("SELECT answer FROM turns")}
    assert answers == {"답: 말 철수", "답: 말 영희"}


async def test_a_stopped_turn_is_left_to_the_bot_that_settles_it(
    parts: Parts, route: Route
) -> None:
    turn_id = await parts.wait("하나")
    await parts.schedule_all()
    assert await parts.canceller.cancel(turn_id)
    async with parts.database.begin() as before, connect_directly(parts.database) as now:
        assert len(await settle_as_before(before)) == 1
        assert await settle_finished(now, parts.queue, route) == []


async def test_no_turn_is_locked_before_all_conversations_are(
    parts: Parts, route: Route, database_url: str
) -> None:
    await answered(parts, "가", "나")
    bots = connect_database(database_url, pool_size=1, server_settings=BY_KEY)
    async with parts.database.begin() as holder:
        await holder.execute(text("SELECT FROM conversations WHERE key = '나' FOR UPDATE"))
        async with settling(parts, route, bots) as task:
            async with parts.database.begin() as other:
                await other.execute(text("SELECT FROM turns FOR UPDATE NOWAIT"))
            free = "SELECT id FROM conversations FOR UPDATE SKIP LOCKED"
            assert await parts.rows(free) == []
    assert len(await task) == 2
    await bots.dispose()


async def test_a_bot_goes_on_behind_what_another_one_is_settling(parts: Parts) -> None:
    await answered(parts, *(f"말 {number:02}" for number in range(SETTLE_BATCH + 3)))
    oldest = f"SELECT id FROM jobs ORDER BY finished_at LIMIT {SETTLE_BATCH} FOR UPDATE"
    async with parts.database.begin() as other:
        await other.execute(text(oldest))
        assert await parts.settler.settle() == SETTLE_BATCH
        assert await parts.settler.settle() == 3
    counted = "SELECT status, count(*) AS turns FROM turns GROUP BY status"

    async def statuses() -> dict[str, Any]:
        return {row.status: row.turns for row in await parts.rows(counted)}

    assert await statuses() == {"answered": 3, "queued": SETTLE_BATCH}
    assert await parts.settler.settle() == SETTLE_BATCH
    assert await statuses() == {"answered": SETTLE_BATCH + 3}


async def test_a_job_that_another_bot_gives_up_is_settled_in_the_next_round(parts: Parts) -> None:
    await answered(parts, "철수")
    async with parts.database.begin() as other:
        await other.execute(text("SELECT FROM jobs FOR UPDATE"))
        assert await parts.settler.settle() == 1
    assert await parts.settler.settle() == 1
    assert await parts.statuses() == {"말 철수": "answered"}


async def test_a_bot_goes_on_behind_what_several_others_are_settling(parts: Parts) -> None:
    taken = 2 * SETTLE_BATCH
    await answered(parts, *(f"말 {number:02}" for number in range(taken + 3)))
    oldest = f"SELECT id FROM jobs ORDER BY finished_at LIMIT {taken} FOR UPDATE"
    async with parts.database.begin() as other:
        await other.execute(text(oldest))
        found = [await parts.settler.settle() for _ in range(4)]
    assert found == [SETTLE_BATCH, SETTLE_BATCH, 3, SETTLE_BATCH]
    assert list((await parts.statuses()).values()).count("answered") == 3


async def test_the_commit_of_a_settlement_does_not_wait_for_the_disk(
    parts: Parts, route: Route
) -> None:
    await answered(parts, "철수")
    async with begin_directly(parts.database) as connection:
        await connection.execute(text("SET LOCAL synchronous_commit = on"))
        await settle_finished(connection, parts.queue, route)
        assert await connection.scalar(text("SHOW synchronous_commit")) == "off"
