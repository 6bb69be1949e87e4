"""Statements straight to asyncpg: the same values and rows as by SQLAlchemy, whole connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import (
    BigInteger,
    Boolean,
    DateTime,
    Executable,
    Float,
    Integer,
    Text,
    Uuid,
    bindparam,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.domain.turns import TurnStatus
from bot.store.schema import turns
from runtime.database import DATABASE_ERRORS, connect_database, fault_fields, is_gone, sqlstate
from runtime.direct import DirectConnection, begin_directly, connect_directly
from runtime.fault_kind import FaultKind, fault_kind
from runtime.held_connections import HoldingEngine
from runtime.isolation import is_outage

NOW = datetime(2026, 11, 27, 3, 4, 5, 678, tzinfo=UTC)
WHO = UUID("01234567-89ab-cdef-0123-456789abcdef")
ROW = text("INSERT INTO conversations (messenger, tenant, key) VALUES ('m', 't', :key)")
COUNT = text("SELECT count(*) AS found FROM conversations WHERE messenger = 'm'")
BACKEND = text("SELECT pg_backend_pid() AS pid")
SLEEP = text("SELECT pg_sleep(20)")

#: A type, and a value that goes to Postgres and comes back.
VALUES: list[tuple[Any, Any]] = [
    (Text, "ㅎㅂ 환불 \U0001f600 '; --"),
    (Text, ""),
    (Text, None),
    (Text, TurnStatus.ANSWERED),
    (Integer, -7),
    (BigInteger, 2**62),
    (Float, 0.1),
    (Boolean, True),
    (Boolean, None),
    (Uuid, WHO),
    (DateTime(timezone=True), NOW),
    (ARRAY(Text), []),
    (ARRAY(Text), ["한글", "", "a,b", '"']),
    (ARRAY(Uuid), [WHO, WHO]),
    (ARRAY(BigInteger), [1, None, 3]),
    (JSONB, {"말": ["안녕", 1, 2.5, None, True], "빈": {}}),
    (JSONB, []),
    (JSONB(none_as_null=True), None),
]


@pytest.fixture(params=[0, 1], ids=["pooled", "held"])
async def database(database_url: str, request: pytest.FixtureRequest) -> AsyncIterator[AsyncEngine]:
    """One connection for direct statements, so that what happened to it is seen."""
    engine = connect_database(database_url, pool_size=1 + request.param, held=request.param)
    yield engine
    await engine.dispose()
    async with connections_of(database_url) as left:
        assert left == []


@asynccontextmanager
async def connections_of(database_url: str) -> AsyncIterator[list[int]]:
    """The server's processes for this database, but that of the question."""
    others = text(
        "SELECT pid FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        " AND backend_type = 'client backend'"
    )
    engine = connect_database(database_url, pool_size=1)
    try:
        async with connect_directly(engine) as connection:
            for _ in range(100):  # a process ends a moment after its connection
                found = [row.pid for row in await connection.execute(others)]
                if not found:
                    break
                await asyncio.sleep(0.02)
            yield found
    finally:
        await engine.dispose()


async def pid(database: AsyncEngine) -> int:
    async with connect_directly(database) as connection:
        return int((await connection.execute(BACKEND)).first().pid)


async def count(database: AsyncEngine) -> int:
    async with connect_directly(database) as connection:
        return int((await connection.execute(COUNT)).first().found)


async def twice(
    connecting: AbstractAsyncContextManager[DirectConnection],
    statement: Executable,
    values: Mapping[str, Any],
) -> None:
    async with connecting as connection:
        await connection.execute(statement, values)
        await connection.execute(statement, values)


@pytest.mark.parametrize(("kind", "value"), VALUES)
async def test_values_go_and_come_as_they_do_by_sqlalchemy(
    database: AsyncEngine, kind: Any, value: Any
) -> None:
    typed = text("SELECT :value AS value, 1 AS one").bindparams(bindparam("value", type_=kind))
    for statement in (typed, typed.columns(value=kind)):
        async with database.connect() as connection:
            expected = (await connection.execute(statement, {"value": value})).one()
        async with connect_directly(database) as direct:
            row = (await direct.execute(statement, {"value": value})).first()
        assert row.value == expected.value
        assert type(row.value) is type(expected.value)
        assert row.one == 1


async def test_a_written_select_reads_as_by_sqlalchemy(database: AsyncEngine) -> None:
    statement = select(turns.c.id, turns.c.media, turns.c.status.label("ended")).where(
        turns.c.id == bindparam("wanted", type_=Uuid)
    )
    async with connect_directly(database) as connection:
        result = await connection.execute(statement, {"wanted": uuid4()})
        assert (result.all(), result.first(), result.one_or_none()) == ([], None, None)


async def test_the_one_row_of_a_statement_is_read_or_missed(database: AsyncEngine) -> None:
    rows = text("SELECT 1 AS number, 'a' AS name FROM generate_series(1, CAST(:count AS int))")
    async with connect_directly(database) as connection:
        row = (await connection.execute(rows, {"count": 1})).one()
        assert row._asdict() == {"number": 1, "name": "a"}
        for count in (0, 2):
            result = await connection.execute(rows, {"count": count})
            with pytest.raises(ValueError, match="one row was expected"):
                result.one()


async def test_a_value_set_with_the_statement_may_be_replaced(database: AsyncEngine) -> None:
    statement = text("SELECT :value AS value").bindparams(bindparam("value", "set", type_=Text))
    async with connect_directly(database) as connection:
        assert (await connection.execute(statement)).first().value == "set"
        assert (await connection.execute(statement, {"value": "given"})).first().value == "given"


async def test_a_missing_value_is_named(database: AsyncEngine) -> None:
    async with connect_directly(database) as connection:
        with pytest.raises(KeyError, match="key"):
            await connection.execute(ROW)


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param(select(turns.c.id).where(turns.c.status.in_(["a", "b"])), id="in"),
        pytest.param(text("SELECT :a").bindparams(bindparam("a", expanding=True)), id="expanding"),
    ],
)
async def test_a_text_that_depends_on_values_is_refused(
    database: AsyncEngine, statement: Executable
) -> None:
    async with connect_directly(database) as connection:
        with pytest.raises(TypeError, match="depends on its values"):
            await connection.execute(statement, {"a": [1]})


async def test_each_statement_commits_by_itself(database: AsyncEngine) -> None:
    async with connect_directly(database) as connection:
        await connection.execute(ROW, {"key": "a"})
        with pytest.raises(DATABASE_ERRORS):
            await connection.execute(ROW, {"key": "a"})
        await connection.execute(ROW, {"key": "b"})
    assert await count(database) == 2


async def test_a_transaction_commits_whole(database: AsyncEngine) -> None:
    async with begin_directly(database) as connection:
        await connection.execute(ROW, {"key": "a"})
        await connection.execute(ROW, {"key": "b"})
    assert await count(database) == 2


@pytest.mark.parametrize("error", [LookupError("row"), asyncio.CancelledError(), TimeoutError()])
async def test_a_transaction_that_fails_leaves_nothing(
    database: AsyncEngine, error: BaseException
) -> None:
    async def fail() -> None:
        async with begin_directly(database) as connection:
            await connection.execute(ROW, {"key": "a"})
            raise error

    with pytest.raises(type(error)):
        await fail()
    assert await count(database) == 0


async def test_a_refused_statement_costs_no_connection(database: AsyncEngine) -> None:
    before = await pid(database)
    for begin in (connect_directly, begin_directly):
        with pytest.raises(DATABASE_ERRORS) as raised:
            await twice(begin(database), ROW, {"key": "비밀"})
        error = raised.value
        assert fault_kind(error) is FaultKind.ROW
        assert not is_gone(error)
        fields = fault_fields(error)
        assert fields["constraint"] == "uq_conversations_messenger_tenant_key"
        assert fields["sqlstate"] == "23505"
        assert "비밀" not in str(fields)
    assert await pid(database) == before
    assert await count(database) == 1


async def test_a_value_of_a_wrong_type_is_the_rows_fault(database: AsyncEngine) -> None:
    statement = text("SELECT :number AS n").bindparams(bindparam("number", type_=Integer))
    for value in ("words", 2**40):
        async with connect_directly(database) as connection:
            with pytest.raises(DATABASE_ERRORS) as raised:
                await connection.execute(statement, {"number": value})
        assert fault_kind(raised.value) is FaultKind.ROW
        assert not is_outage(raised.value)


@pytest.mark.parametrize("begin", [connect_directly, begin_directly])
async def test_what_ran_into_a_time_out_is_not_used_again(
    database: AsyncEngine, begin: Any
) -> None:
    before = await pid(database)

    async def sleep() -> None:
        async with asyncio.timeout(0.2), begin(database) as connection:
            await connection.execute(ROW, {"key": "a"})
            await connection.execute(SLEEP)

    with pytest.raises(TimeoutError):
        await sleep()
    assert await pid(database) != before
    # What was committed by itself stays; the statement that slept does not go on.
    assert await count(database) == (begin is connect_directly)
    asleep = text("SELECT FROM pg_stat_activity WHERE pid = :pid AND state = 'active'")
    async with asyncio.timeout(10):
        while True:
            async with connect_directly(database) as connection:
                if not (await connection.execute(asleep, {"pid": before})).all():
                    break
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("begin", [connect_directly, begin_directly])
async def test_a_server_process_that_ends_is_an_outage_and_the_next_is_used(
    database: AsyncEngine, begin: Any
) -> None:
    end = text("SELECT pg_terminate_backend(pg_backend_pid())")
    before = await pid(database)
    with pytest.raises(DATABASE_ERRORS) as raised:
        async with begin(database) as connection:
            await connection.execute(end)
    assert is_gone(raised.value)
    assert is_outage(raised.value)
    assert sqlstate(raised.value) in ("57P01", "08003", "")
    assert await pid(database) != before


async def test_a_broken_connection_is_not_given_out_twice(
    database: AsyncEngine, database_url: str
) -> None:
    before = await pid(database)
    other = connect_database(database_url, pool_size=1)
    async with connect_directly(other) as connection:
        await connection.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": before})
    await other.dispose()
    await asyncio.sleep(0.2)
    if not isinstance(database, HoldingEngine):  # one that is held is looked at before
        with pytest.raises(DATABASE_ERRORS) as raised:
            await pid(database)
        assert is_gone(raised.value)
    assert await pid(database) != before


async def test_no_more_are_held_than_allowed(database_url: str) -> None:
    database = connect_database(database_url, pool_size=4, held=2)
    assert isinstance(database, HoldingEngine)
    async with AsyncExitStack() as stack:
        for _ in range(4):
            await stack.enter_async_context(connect_directly(database))
    kept = [database.held.take() for _ in range(3)]
    assert [one is None for one in kept] == [False, False, True]
    for one in filter(None, kept):
        assert database.held.keep(one)
    async with database.connect() as first, database.connect() as second:  # the pool's own
        assert not first.closed
        assert not second.closed
    await database.dispose()
    async with connections_of(database_url) as left:
        assert left == []


async def test_an_old_connection_goes_back_to_the_pool(database_url: str) -> None:
    database = connect_database(database_url, pool_size=1, held=1)
    assert isinstance(database, HoldingEngine)
    before = await pid(database)
    held = database.held.take()
    assert held is not None
    assert not database.held.keep(replace(held, taken_at=held.taken_at - 1801))
    await held.pooled.close()
    assert await pid(database) == before
    await database.dispose()


async def test_after_the_end_nothing_is_held(database_url: str) -> None:
    database = connect_database(database_url, pool_size=1, held=1)
    assert isinstance(database, HoldingEngine)
    async with connect_directly(database) as connection:
        await database.held.end()
        assert (await connection.execute(COUNT)).first().found == 0
    assert database.held.take() is None
    await database.dispose()
    async with connections_of(database_url) as left:
        assert left == []
