"""The audit log on real Postgres: one chain, append-only, whoever writes at the same moment."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from bot.domain.audit import AuditAction, AuditEntry
from bot.privacy.audit_retention import AuditRetention
from bot.privacy.audit_trail import AuditTrail
from bot.store import audit_log
from bot.store.audit_chain import ChainCheck, check_chain
from bot.store.audit_log import Selection
from runtime.database import sqlstate
from tests.support.audit import backdated, behind_its_back, logged
from tests.support.servers import on_server

DOCS = Path(__file__).parents[4] / "docs"
INSUFFICIENT_PRIVILEGE = "42501"


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine(database_url)
    yield engine
    await engine.dispose()


def entry(actor: str = "kim", action: AuditAction = AuditAction.LOGIN, **more: str) -> AuditEntry:
    return AuditEntry(actor=actor, action=action, **more)  # type: ignore[arg-type]


async def append(database: AsyncEngine, *entries: AuditEntry) -> None:
    async with database.begin() as connection:
        await audit_log.append(connection, entries)


async def checked(database: AsyncEngine) -> ChainCheck:
    async with database.connect() as connection:
        return await check_chain(connection)


async def test_the_rows_of_the_database_are_a_chain_that_python_computes_alike(
    database: AsyncEngine,
) -> None:
    odd = AuditEntry(
        actor="김,하나:5",
        action=AuditAction.USER_ADDED,
        object="user:a\x00b\ud800",
        details={"이름": "\x00\u2028", "n": [1, None]},
        reason="줄\n바꿈 👩‍👩‍👧",
        address="2001:db8::1",
    )
    await append(database, entry(), odd)
    await append(database, entry("lee"))
    check = await checked(database)
    assert (check.rows, check.newest, check.broken_at) == (3, 3, None)
    rows = await logged(database)
    assert [row.actor for row in rows] == ["kim", "김,하나:5", "lee"]
    assert rows[2].hash.hex() == check.newest_hash


async def test_an_empty_log_is_whole(database: AsyncEngine) -> None:
    assert await checked(database) == ChainCheck(rows=0, newest=0, newest_hash="00" * 32)


async def test_writers_at_the_same_moment_make_one_chain(database: AsyncEngine) -> None:
    trail = AuditTrail(database)
    alone = [append(database, entry(f"alone{n}")) for n in range(20)]
    await asyncio.gather(*alone, *(trail.record(entry(f"user{n}")) for n in range(60)))
    check = await checked(database)
    assert (check.rows, check.newest, check.broken_at) == (80, 80, None)
    assert len({row.actor for row in await logged(database)}) == 80


async def test_a_change_that_fails_leaves_no_row_and_no_gap(database: AsyncEngine) -> None:
    await append(database, entry("first"))
    async with database.connect() as connection, connection.begin() as transaction:
        await audit_log.append(connection, [entry("undone")])
        await transaction.rollback()
    await append(database, entry("second"))
    assert [(row.seq, row.actor) for row in await logged(database)] == [(1, "first"), (2, "second")]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_log SET actor = 'nobody'",
        "DELETE FROM audit_log",
        "DELETE FROM audit_log WHERE seq = 2",
        "TRUNCATE audit_log",
    ],
)
async def test_no_statement_changes_or_deletes_a_row(database: AsyncEngine, statement: str) -> None:
    await append(database, entry(), entry())
    before = await logged(database)
    with pytest.raises(DBAPIError, match="append-only") as raised:
        async with database.begin() as connection:
            await connection.execute(text(statement))
    assert sqlstate(raised.value) == INSUFFICIENT_PRIVILEGE
    assert await logged(database) == before


async def test_a_writer_cannot_choose_number_time_or_hash(database: AsyncEngine) -> None:
    await append(database, entry())
    async with database.begin() as connection:
        await connection.execute(
            text(
                "INSERT INTO audit_log VALUES (1, '2001-01-01', 'kim', 'login', '', '{}', '', '',"
                " '\\x00', '\\x00')"
            )
        )
    newest = (await logged(database))[-1]
    assert (newest.seq, newest.at.year) == (2, datetime.now(UTC).year)
    assert (await checked(database)).broken_at is None


@pytest.mark.parametrize(
    ("statement", "broken_at", "cause"),
    [
        ("UPDATE audit_log SET actor = 'nobody' WHERE seq = 3", 3, "changed"),
        ("UPDATE audit_log SET at = at - interval '1 day' WHERE seq = 3", 3, "changed"),
        ("DELETE FROM audit_log WHERE seq IN (3, 4)", 5, "from 3 to 4"),
        ("DELETE FROM audit_log WHERE seq = 1", 2, "from 1 to 1"),
        (
            """
            UPDATE audit_log SET actor = 'x', hash = audit_log_hash(
                jsonb_populate_record(audit_log, '{"actor": "x"}'))
            WHERE seq = 3
            """,
            4,
            "row before it",
        ),
    ],
)
async def test_what_is_changed_behind_its_back_is_found_at_its_row(
    database: AsyncEngine, statement: str, broken_at: int, cause: str
) -> None:
    await append(database, *(entry(f"user{n}") for n in range(6)))
    await behind_its_back(database, statement)
    check = await checked(database)
    assert check.broken_at == broken_at
    assert cause in check.cause
    assert check.rows < 6


async def test_old_rows_leave_from_the_front_and_the_chain_stays_checkable(
    database: AsyncEngine,
) -> None:
    await backdated(database, [900, 800, 740, 700, 1])
    assert await AuditRetention(database, kept_days=730).trim() == 3
    rows = await logged(database)
    assert [row.seq for row in rows] == [4, 5, 6]
    assert rows[-1].action == AuditAction.AUDIT_TRIMMED
    check = await checked(database)
    assert (check.rows, check.broken_at) == (3, None)
    assert await AuditRetention(database, kept_days=730).trim() == 0
    await behind_its_back(database, "DELETE FROM audit_log WHERE seq = 4")
    assert (await checked(database)).broken_at == 5


async def test_a_log_of_which_every_row_is_old_keeps_its_anchor(database: AsyncEngine) -> None:
    await backdated(database, [900, 800])
    assert await AuditRetention(database, kept_days=730).trim() == 2
    await append(database, entry())
    check = await checked(database)
    assert (check.rows, check.newest, check.broken_at) == (2, 4, None)


async def test_trimming_goes_in_small_steps(
    database: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_log, "TRIM_ROWS", 2)
    await backdated(database, [900, 890, 880, 870, 860, 1])
    assert await AuditRetention(database, kept_days=730).trim() == 5
    assert (await checked(database)).broken_at is None
    assert [row.action for row in await logged(database)] == ["login"] + ["audit_trimmed"] * 3


async def test_two_years_are_kept_whatever_is_asked(database: AsyncEngine) -> None:
    await backdated(database, [729, 1])
    assert await AuditRetention(database, kept_days=1).trim() == 0
    with pytest.raises(DBAPIError, match="append-only"):
        async with database.begin() as connection:
            await connection.execute(text("DELETE FROM audit_log WHERE seq = 1"))


async def test_a_role_without_update_and_delete_can_do_all_that_the_bot_does(
    database: AsyncEngine, database_url: str
) -> None:
    """The two roles of docs/operations.md: one owns the tables, the other runs the bot."""
    await backdated(database, [900, 1])
    role = f"bot_of_{make_url(database_url).database}"
    for statement in _two_roles():
        await on_server(database_url, statement.replace("bllossom_bot", role))
    bot = create_async_engine(
        make_url(database_url).set(username=role, password="ANOTHER-PASSWORD"),
        poolclass=NullPool,
    )
    await append(bot, entry())
    assert await AuditRetention(bot, kept_days=730).trim() == 1
    for forbidden in (
        "UPDATE audit_log SET actor = ''",
        "DELETE FROM audit_log",
        "ALTER TABLE audit_log DISABLE TRIGGER USER",
    ):
        with pytest.raises(DBAPIError) as raised:
            async with bot.begin() as connection:
                await connection.execute(text(forbidden))
        assert sqlstate(raised.value) == INSUFFICIENT_PRIVILEGE
    assert (await checked(bot)).broken_at is None
    await on_server(database_url, f"DROP OWNED BY {role}")
    await on_server(database_url, f"DROP ROLE {role}")


def _two_roles() -> list[str]:
    """The statements of the page, which is the same in both languages."""
    found = [
        re.findall(r"```sql two-roles\n(.*?)```", (DOCS / name).read_text("utf-8"), re.DOTALL)
        for name in ("operations.md", "operations.ko.md")
    ]
    assert found[0] == found[1]
    return [one.strip() for one in found[0][0].split(";") if one.strip()]


async def test_the_log_is_read_by_user_act_and_time_page_by_page(database: AsyncEngine) -> None:
    acts = [AuditAction.LOGIN, AuditAction.TURNS_READ]
    await append(database, *(entry(f"user{n % 3}", acts[n % 2]) for n in range(12)))
    async with database.connect() as connection:
        asked = Selection(actor="user1", action="turns_read")
        first = await audit_log.newest(connection, asked, before=None, limit=1)
        second = await audit_log.newest(connection, asked, before=first[0].seq, limit=5)
        assert [row.seq for row in (*first, *second)] == [8, 2]
        later = Selection(since=datetime(2100, 1, 1, tzinfo=UTC))
        assert await audit_log.newest(connection, later, before=None, limit=5) == []
        counted = await audit_log.counts(connection, Selection(actor="user1"), after=None, users=5)
        some = await audit_log.counts(connection, Selection(), after="user0", users=1)
        assert {one.actor for one in some} == {"user1"}
        assert [(one.action, one.times) for one in counted] == [("login", 2), ("turns_read", 2)]
