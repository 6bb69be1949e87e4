"""The migrations and the tables in code describe one and the same schema."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, make_url, text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from bot.__main__ import main
from bot.store import migrations
from bot.store import schema as bot_schema
from bot.store.migrations import (
    IncompatibleSchemaError,
    SchemaState,
    migrate,
    pending,
    revert,
    schema_state,
)
from inference_queue import schema as queue_schema
from tests.support.filled_tables import count, fill_empty_tables, tables

SCRIPTS = Path(__file__).parents[4] / "migrations"

#: Everything of a schema that a person would call a difference, one line each.
CATALOGUE = text(
    r"""
    SELECT format('column %s.%s %s null=%s default=%s identity=%s', table_name, column_name,
                  udt_name, is_nullable, column_default, identity_generation)
      FROM information_schema.columns WHERE table_schema = 'public'
    UNION ALL
    SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
    UNION ALL
    SELECT format('constraint %s on %s: %s', conname, conrelid::regclass, pg_get_constraintdef(oid))
      FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL
    SELECT format('options of %s: %s', relname, reloptions)
      FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
    """
)


async def test_the_migrations_make_what_the_tables_say(
    database_url: str, empty_database_url: str
) -> None:
    await migrate(database_url, after_deploy=True)
    migrated = await _catalogue(database_url)
    async with _connected(empty_database_url) as connection:
        await connection.run_sync(bot_schema.metadata.create_all)
        await connection.run_sync(queue_schema.metadata.create_all)
        await connection.commit()
    made_from_code = await _catalogue(empty_database_url)
    assert {line for line in migrated if "alembic_version" not in line} == made_from_code
    assert any("uq_turns_conversation_running" in line and "WHERE" in line for line in migrated)


async def test_alembic_itself_sees_no_difference(database_url: str) -> None:
    def differences(connection: Connection) -> list[object]:
        found = compare_metadata(
            MigrationContext.configure(connection, opts={"compare_type": True}),
            [bot_schema.metadata, queue_schema.metadata],  # type: ignore[arg-type]  # it takes several
        )
        return list(found)

    await migrate(database_url, after_deploy=True)
    async with _connected(database_url) as connection:
        assert await connection.run_sync(differences) == []


async def test_down_leaves_nothing_and_up_again_works(database_url: str) -> None:
    before = await _catalogue(database_url)
    await revert(database_url, "base")
    assert await pending(database_url)
    left = await _catalogue(database_url)
    assert {line for line in left if "alembic_version" not in line} == set()
    await migrate(database_url)
    assert await _catalogue(database_url) == before


async def test_each_of_the_newest_steps_goes_down_and_up_with_rows_in_every_table(
    database_url: str,
) -> None:
    names = sorted(script.name[:4] for script in (SCRIPTS / "versions").glob("[0-9]*.py"))
    before = await _catalogue(database_url)
    for below in reversed(names[-6:-1]):
        every = await _filled(database_url)
        assert set(every.values()) == {1}
        await revert(database_url, below)
        kept = await _row_counts(database_url)
        assert kept == {table: every[table] for table in kept}  # a step takes its own rows alone
        assert kept.keys() <= every.keys()
        await migrate(database_url)
        assert await _catalogue(database_url) == before
        restored = await _row_counts(database_url)
        assert {table: restored[table] for table in kept} == kept


async def test_two_may_migrate_at_once(empty_database_url: str) -> None:
    assert await pending(empty_database_url)
    await asyncio.gather(migrate(empty_database_url), migrate(empty_database_url))
    assert not await pending(empty_database_url)


async def test_a_schema_newer_than_the_program_is_not_behind(database_url: str) -> None:
    async with _connected(database_url) as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999_later'"))
        await connection.commit()
    assert not await pending(database_url)


@pytest.fixture
def versions(tmp_path: Path) -> Callable[..., Path]:
    """A copy of the migrations with more behind them: each a mark."""

    def make(*marks: str) -> Path:
        scripts = tmp_path / "migrations"
        shutil.copytree(SCRIPTS, scripts, dirs_exist_ok=True)
        below = max(scripts.glob("versions/[0-9]*.py")).name[:4]
        for number, mark in enumerate(marks, start=9001):
            (scripts / f"versions/{number}_{mark}_words.py").write_text(
                f"revision = '{number}'\ndown_revision = '{below}'\n"
                "from alembic import op\n"
                f"def upgrade():\n    op.execute('CREATE TABLE t{number} ()')\n"
            )
            below = str(number)
        return scripts

    return make


@pytest.mark.parametrize(
    ("marks", "at_once", "in_the_end"),
    [
        (("expand",), {"t9001"}, {"t9001"}),
        (("contract",), set(), {"t9001"}),
        (("expand", "contract"), {"t9001"}, {"t9001", "t9002"}),
        (("contract", "expand", "contract"), {"t9001", "t9002"}, {"t9001", "t9002", "t9003"}),
    ],
)
async def test_contract_migrations_wait_for_the_end_of_the_deploy(
    database_url: str,
    versions: Callable[..., Path],
    marks: tuple[str, ...],
    at_once: set[str],
    in_the_end: set[str],
) -> None:
    scripts = versions(*marks)
    assert await pending(database_url, scripts) == bool(at_once)
    await migrate(database_url, scripts=scripts)
    assert await _added_tables(database_url) == at_once
    assert not await pending(database_url, scripts)
    await migrate(database_url, after_deploy=True, scripts=scripts)
    assert await _added_tables(database_url) == in_the_end
    assert not await pending(database_url, scripts)
    await migrate(database_url, scripts=scripts)  # nothing to do, and no error


@pytest.mark.parametrize(
    ("marks", "after_deploy", "works"),
    [
        (("expand",), True, True),
        (("expand", "expand"), True, True),
        (("contract",), True, True),  # of this version: it takes away what older ones needed
        (("expand", "contract"), False, True),
        (("expand", "contract"), True, False),
        (("contract", "expand"), False, True),
        (("expand", "contract", "expand"), False, False),
    ],
)
async def test_an_older_version_comes_back_to_a_newer_schema(
    database_url: str,
    versions: Callable[..., Path],
    marks: tuple[str, ...],
    after_deploy: bool,
    works: bool,
) -> None:
    await migrate(database_url, scripts=versions(*marks), after_deploy=after_deploy)
    before = await _catalogue(database_url)
    if works:
        assert await migrate(database_url) is SchemaState.NEWER
    else:
        with pytest.raises(IncompatibleSchemaError, match="restore the backup"):
            await migrate(database_url)
    async with _connected(database_url) as connection:
        state = await schema_state(connection)
    assert state is (SchemaState.NEWER if works else SchemaState.INCOMPATIBLE)
    assert await _catalogue(database_url) == before


@pytest.mark.parametrize(
    ("note", "status", "words"),
    [
        ("works with programs of revision: {mine} 9999", 0, "newer than this version, which works"),
        ("works with programs of revision: 9999", 1, "restore the backup from before the upgrade"),
        ("", 0, "newer than this version, which works"),
    ],
)
async def test_migrate_says_in_a_sentence_what_a_newer_schema_means(
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    note: str,
    status: int,
    words: str,
) -> None:
    note = note.format(mine=migrations._required(SCRIPTS).revision)
    async with _connected(database_url) as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        await connection.execute(text(f"COMMENT ON TABLE alembic_version IS '{note}'"))
        await connection.commit()
    monkeypatch.setenv("BOT_DATABASE_URL", database_url)
    assert await asyncio.to_thread(main, ["migrate"]) == status
    said = capsys.readouterr()
    assert words in (said.err if status else said.out)
    assert len((said.out + said.err).splitlines()) == 1


async def test_the_database_of_another_program_is_left_alone(
    empty_database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async with _connected(empty_database_url) as connection:
        await connection.execute(text("CREATE TABLE alembic_version (version_num varchar(32))"))
        await connection.execute(text("INSERT INTO alembic_version VALUES ('ae1027a6acf')"))
        await connection.commit()
        assert await schema_state(connection) is SchemaState.FOREIGN
    monkeypatch.setenv("BOT_DATABASE_URL", empty_database_url)
    assert await asyncio.to_thread(main, ["migrate"]) == 1
    assert capsys.readouterr().err == (
        "The database is another program's (revision ae1027a6acf): give the bot one of its own in "
        "BOT_DATABASE_URL.\n"
    )


@pytest.mark.parametrize(
    ("statement", "user", "words"),
    [
        (
            "CREATE ROLE poor LOGIN",
            "poor",
            "permission denied for schema public: give the URL's user that right, or take",
        ),
        (
            "CREATE TABLE conversations ()",
            "",
            'relation "conversations" already exists: is it another program\'s database?',
        ),
    ],
)
async def test_what_postgres_refuses_a_migration_is_one_line(
    empty_database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    statement: str,
    user: str,
    words: str,
) -> None:
    async with _connected(empty_database_url) as connection:
        await connection.execute(text("DROP ROLE IF EXISTS poor"))
        await connection.execute(text(statement))
        await connection.commit()
    url = make_url(empty_database_url)
    as_user = url.set(username=user or url.username).render_as_string(hide_password=False)
    monkeypatch.setenv("BOT_DATABASE_URL", as_user)
    assert await asyncio.to_thread(main, ["migrate"]) == 1
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"The database cannot be migrated: {words}")


async def _added_tables(url: str) -> set[str]:
    tables_added = text("SELECT relname FROM pg_class WHERE relname ~ '^t9[0-9]{3}$'")
    async with _connected(url) as connection:
        return set((await connection.execute(tables_added)).scalars())


async def _filled(url: str) -> dict[str, int]:
    """The rows of each table, once none is empty."""
    async with _connected(url) as connection:
        await fill_empty_tables(connection)
        await connection.commit()
    return await _row_counts(url)


async def _row_counts(url: str) -> dict[str, int]:
    async with _connected(url) as connection:
        return {table: await count(connection, table) for table in await tables(connection)}


async def _catalogue(url: str) -> set[str]:
    async with _connected(url) as connection:
        return set((await connection.execute(CATALOGUE)).scalars())


def _connected(url: str) -> AsyncConnection:
    return create_async_engine(url, poolclass=NullPool).connect()
