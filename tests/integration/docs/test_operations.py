"""Backup, restore, upgrade, rollback and deletion: the commands of the operations guide."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from bot.store.migrations import migrate, pending
from onebox.embedded_servers import embedded_postgres, postgres_binaries
from tests.integration.docs.shell import ROOT, blocks, run
from tests.support.sample_turns import add_turn
from tests.support.servers import at, create_database, on_server

PAGE = "operations.md"
NOW = datetime.now(UTC)


def commands(title: str, language: str = "bash") -> str:
    [block] = blocks(PAGE, f"{language} {title}")
    return block


@dataclass(frozen=True, slots=True)
class Operator:
    """Somebody with a shell in the folder of ``make run``."""

    folder: Path
    env: Mapping[str, str]
    database: AsyncEngine
    url: str

    async def types(self, title: str) -> str:
        script = commands("make-run") + commands(title)
        return await run(script, folder=self.folder, env=self.env)

    async def count(self, table: str) -> int:
        async with self.database.connect() as connection:
            return int(await connection.scalar(text(f"SELECT count(*) FROM {table}")) or 0)

    async def execute(self, statement: str) -> None:
        async with self.database.begin() as connection:
            await connection.execute(text(statement))


@pytest.fixture
async def operator(tmp_path: Path) -> AsyncIterator[Operator]:
    """The folder of a checkout, with its environment and its server as ``make run`` has them."""
    (tmp_path / ".venv").symlink_to(sys.prefix)
    python = Path(sys.executable).parent
    env = os.environ | {"PYTHONPATH": str(ROOT), "PATH": f"{python}:{os.environ['PATH']}"}
    async with embedded_postgres(tmp_path / "data", durable=False) as url:
        engine = create_async_engine(url)
        operator = Operator(tmp_path, env, engine, url)
        await operator.types("upgrade")
        yield operator
        await engine.dispose()


async def test_a_restored_backup_holds_what_was_there_and_nothing_newer(
    operator: Operator,
) -> None:
    await add_turn(operator.database, "백업 전의 질문", "한글 답변 🙂")
    await operator.types("backup")
    await add_turn(operator.database, "백업 뒤의 질문", key="room-2")
    await operator.types("restore")
    async with operator.database.connect() as connection:
        rows = (await connection.execute(text("SELECT text, answer FROM turns"))).all()
    assert [tuple(row) for row in rows] == [("백업 전의 질문", "한글 답변 🙂")]
    assert await operator.count("conversations") == 1
    assert await operator.count("deliveries") == 1
    await add_turn(operator.database, "복구 뒤의 질문")  # its sequence goes on
    assert not await pending(operator.url)


async def test_a_backup_undoes_an_upgrade_to_an_unknown_schema(operator: Operator) -> None:
    await add_turn(operator.database, "올리기 전의 질문")
    await operator.types("backup")
    await operator.execute("ALTER TABLE turns DROP COLUMN prompt, ADD COLUMN newer text")
    await operator.execute("CREATE TABLE of_the_newer_version (id int)")
    await operator.execute("UPDATE alembic_version SET version_num = '9999'")
    await operator.types("restore")
    await operator.types("upgrade")
    await operator.types("after-upgrade")
    assert not await pending(operator.url)
    assert await operator.count("turns") == 1
    assert await operator.count("information_schema.tables WHERE table_name LIKE 'of_the%'") == 0


def in_the_container(title: str) -> str:
    """What the compose commands run in the container of Postgres."""
    prefix = "docker compose exec -T postgres "
    lines = commands(title).splitlines()
    return "\n".join(line.removeprefix(prefix) for line in lines if line.startswith(prefix))


async def test_the_compose_commands_back_up_and_restore(
    postgres_server: str, tmp_path: Path
) -> None:
    await on_server(postgres_server, "CREATE ROLE bllossom SUPERUSER LOGIN")
    await create_database(postgres_server, "bllossom")
    url = at(postgres_server, "bllossom")
    await migrate(url)
    engine = create_async_engine(url)
    socket = str(make_url(url).query["host"])
    env = {"PATH": f"{postgres_binaries()}:{os.environ['PATH']}", "PGHOST": socket}
    await add_turn(engine, "백업 전의 질문")
    await run(in_the_container("compose-backup"), folder=tmp_path, env=env)
    await add_turn(engine, "백업 뒤의 질문")
    await run(in_the_container("compose-restore"), folder=tmp_path, env=env)
    assert await texts(engine) == {"백업 전의 질문"}
    await engine.dispose()


def as_libpq(url: str) -> str:
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


async def psql(url: str, statements: str) -> str:
    env = {"PATH": f"{postgres_binaries()}:{os.environ['PATH']}", "URL": as_libpq(url)}
    return await run(f'psql "$URL" --set=ON_ERROR_STOP=1 <<"END"\n{statements}\nEND\n', env=env)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine(database_url)
    yield engine
    await engine.dispose()


async def texts(database: AsyncEngine) -> set[str]:
    async with database.connect() as connection:
        return set((await connection.scalars(text("SELECT text FROM turns"))).all())


async def keys(database: AsyncEngine) -> set[str]:
    async with database.connect() as connection:
        return set((await connection.scalars(text("SELECT key FROM conversations"))).all())


async def test_only_old_turns_that_ended_are_deleted_and_empty_conversations(
    database_url: str, database: AsyncEngine
) -> None:
    old = NOW - timedelta(days=91)
    await add_turn(database, "오래된 질문", received_at=old, key="both")
    await add_turn(database, "새 질문", received_at=NOW, key="both")
    await add_turn(database, "오래된 질문만", received_at=old, key="old")
    await add_turn(
        database, "아직 답하는 중", None, received_at=old, key="open", delivery="pending"
    )
    await psql(database_url, commands("retention", "sql"))
    assert await texts(database) == {"새 질문", "아직 답하는 중"}
    assert await keys(database) == {"both", "open"}


async def test_one_person_s_turns_are_deleted(database_url: str, database: AsyncEngine) -> None:
    await add_turn(database, "지울 질문", sender="ID-OF-THE-PERSON")
    await add_turn(database, "남의 질문", sender="person-2", key="room-2")
    await psql(database_url, commands("person", "sql"))
    await psql(database_url, commands("retention", "sql"))
    assert await texts(database) == {"남의 질문"}
    assert await keys(database) == {"room-2"}


async def test_a_message_that_comes_during_the_deletion_is_kept(
    database_url: str, database: AsyncEngine
) -> None:
    await add_turn(database, "오래된 질문", received_at=NOW - timedelta(days=91))
    async with database.connect() as accepting:
        # The accept's own order: the conversation's row first, then the turn.
        await accepting.execute(text("UPDATE conversations SET last_seq = last_seq + 1"))
        await accepting.execute(
            text(
                "INSERT INTO turns (id, conversation_id, seq, epoch, messenger, tenant, event_key,"
                " sender, text, reply_handle, expires_at) SELECT gen_random_uuid(), id, last_seq,"
                " 0, messenger, tenant, 'new', 'person-1', '방금 온 질문', '{}', now()"
                " FROM conversations"
            )
        )
        deleting = asyncio.create_task(psql(database_url, commands("retention", "sql")))
        await until_somebody_waits_for_a_lock(database)
        await accepting.commit()
        await deleting
    assert await texts(database) == {"방금 온 질문"}


async def until_somebody_waits_for_a_lock(database: AsyncEngine) -> None:
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    async with asyncio.timeout(60), database.connect() as connection:
        while not await connection.scalar(waiting):
            await connection.rollback()  # a transaction sees one snapshot of the activity
            await asyncio.sleep(0.02)
