"""Backup, restore, upgrade, rollback and deletion: the commands of the operations guide."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
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


async def texts(database: AsyncEngine) -> set[str]:
    async with database.connect() as connection:
        return set((await connection.scalars(text("SELECT text FROM turns"))).all())
