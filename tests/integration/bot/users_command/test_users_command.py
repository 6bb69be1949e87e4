"""``python -m bot users`` as somebody types it who has locked themselves out."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.store.audit_chain import check_chain
from runtime.database import connect_unpooled
from tests.support.admin import Clock, StartAdmin, add_user, log_in, start_admin
from tests.support.audit import logged

__all__ = ["start_admin"]


@dataclass(frozen=True)
class Operator:
    """Somebody with a shell and the bot's environment."""

    url: str
    folder: Path

    async def types(self, *words: str, **environment: str) -> tuple[int, str, str]:
        """The exit status, and what one run printed to people and of errors."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bot", "users", *words),
            cwd=self.folder,
            env=os.environ
            | {"BOT_DATABASE_URL": self.url, "PYTHONPATH": str(Path.cwd()), "PYTHONUTF8": "1"}
            | environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        return process.returncode or 0, out.decode(), err.decode()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def shell(database_url: str, tmp_path: Path) -> Operator:
    return Operator(database_url, tmp_path)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = connect_unpooled(database_url)
    yield engine
    await engine.dispose()


async def test_a_user_is_added_changed_and_closed_and_every_act_is_in_the_log(
    shell: Operator, database: AsyncEngine, start_admin: StartAdmin
) -> None:
    status, out, _ = await shell.types("add", "김하나", "--role", "admin", "--reason", "잠김")
    assert status == 0
    password = re.search(r"password (\S+)\n", out)
    assert password
    hana = await start_admin(database)
    entered = await log_in(hana, password[1], user="김하나")
    assert entered.status == 303
    assert (await shell.types("role", "김하나", "reviewer"))[0] == 0
    assert (await shell.types("disable", "김하나"))[0] == 0
    assert "disabled since" in (await shell.types("list"))[1]
    assert (await shell.types("enable", "김하나"))[0] == 0
    status, out, _ = await shell.types("password", "김하나")
    assert password[1] not in out
    rows = [row for row in await logged(database) if row.actor == "(command line)"]
    assert [row.action for row in rows] == [
        "user_added",
        "user_role_changed",
        "user_disabled",
        "user_enabled",
        "user_password_set",
    ]
    assert (rows[0].object, rows[0].reason) == ("user:김하나", "잠김")
    assert '"system_user"' in rows[0].details
    async with database.connect() as connection:
        assert (await check_chain(connection)).broken_at is None


async def test_the_first_admins_second_factor_is_reset_and_nothing_else(
    shell: Operator, database: AsyncEngine
) -> None:
    await add_user(database, "admin")
    await _execute(database, "UPDATE dashboard_users SET totp_secret = 'x', totp_since = now()")
    assert "second factor" in (await shell.types("list"))[1]
    for words in (("role", "admin", "viewer"), ("disable", "admin"), ("password", "admin")):
        status, _, err = await shell.types(*words)
        assert (status, "BOT_ADMIN_PASSWORD" in err) == (1, True)
    assert (await shell.types("reset-second-factor", "admin"))[0] == 0
    assert "password alone" in (await shell.types("list"))[1]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("add", "a b"), "A name is 1 to 64 letters"),
        (("add", "admin"), "already"),
        (("add", "lee"), "already"),
        (("role", "nobody", "admin"), "There is no user nobody"),
        (("disable", "nobody"), "There is no user nobody"),
    ],
)
async def test_what_cannot_be_done_is_one_sentence(
    shell: Operator, database: AsyncEngine, words: tuple[str, ...], sentence: str
) -> None:
    await add_user(database, "lee")
    status, out, err = await shell.types(*words)
    assert (status, out) == (1, "")
    assert sentence in err
    assert "Traceback" not in err


async def test_an_empty_table_and_a_missing_one_are_said_in_words(
    shell: Operator, database: AsyncEngine
) -> None:
    assert "BOT_ADMIN_USER" in (await shell.types("list"))[1]
    await _execute(database, "ALTER TABLE dashboard_users RENAME TO away")
    status, _, err = await shell.types("list")
    assert (status, "python -m bot migrate" in err) == (1, True)
    status, _, err = await shell.types("list", BOT_DATABASE_URL="")
    assert (status, err) == (1, "BOT_DATABASE_URL is not set: where are the users?\n")


async def _execute(database: AsyncEngine, statement: str) -> None:
    async with database.begin() as connection:
        await connection.execute(text(statement))
