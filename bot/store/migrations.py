"""The database's schema: migrations, and the check whether it is up to date.

During a deploy the old and the new version share one schema, so every migration's file name marks
its kind. An ``expand`` migration only adds: the previous version still works. A ``contract``
migration removes what only the previous version needed, and runs once that version is gone. An
``expand`` that follows a ``contract`` runs it too: it belongs to a later version, and a version two
releases old runs nowhere.
"""

from __future__ import annotations

import asyncio
import functools
from dataclasses import dataclass
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

_SCRIPTS = Path(__file__).resolve().parents[2] / "migrations"
#: Two processes may migrate at once: the second waits for this lock, then has nothing to do.
_LOCK = 0x626C6C6F  # "bllo"


async def migrate(
    database_url: str, *, after_deploy: bool = False, scripts: Path = _SCRIPTS
) -> None:
    """Migrate the schema to the revision of this version, in one transaction.

    ``after_deploy``: all older versions are gone, so the contract migrations run too.
    """
    target = "head" if after_deploy else _newest_expand(_directory(scripts))
    await _run(database_url, target, scripts, upwards=True)


async def revert(database_url: str, revision: str) -> None:
    """Downgrade the schema to ``revision`` ("base": an empty one), in one transaction."""
    await _run(database_url, revision, _SCRIPTS, upwards=False)


async def pending(database_url: str, scripts: Path = _SCRIPTS) -> bool:
    """Whether the database lacks an expand migration that this program needs."""
    engine = create_async_engine(database_url, poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            return await is_behind(connection, scripts)
    finally:
        await engine.dispose()


async def is_behind(connection: AsyncConnection, scripts: Path = _SCRIPTS) -> bool:
    """The same over an open connection; the scripts are read once per process."""
    revisions = await connection.run_sync(_heads)
    required = await asyncio.to_thread(_required, scripts)  # it reads and imports every script
    return not revisions or bool(revisions & required.older)


class SchemaCheck:
    """The check whether the schema is up to date; skipped after its first success."""

    def __init__(self, database: AsyncEngine) -> None:
        self._database = database
        self._up_to_date = False

    async def is_behind(self) -> bool:
        """Whether an expand migration is missing. Raises DATABASE_ERRORS.

        Once up to date, one round trip checks the connection only: no schema is downgraded while
        the process runs.
        """
        async with self._database.connect() as connection:
            if self._up_to_date:
                await connection.execute(text("SELECT 1"))
            else:
                self._up_to_date = not await is_behind(connection)
        return not self._up_to_date


@dataclass(frozen=True, slots=True, kw_only=True)
class RequiredRevision:
    """The newest revision that this version needs, and all older ones.

    Any other revision is newer: an old bot beside a new schema.
    """

    revision: str
    older: frozenset[str]


@functools.cache
def _required(scripts: Path) -> RequiredRevision:
    directory = _directory(scripts)
    newest = _newest_expand(directory)
    older = {script.revision for script in directory.iterate_revisions(newest, "base")} - {newest}
    return RequiredRevision(revision=newest, older=frozenset(older))


def _directory(scripts: Path) -> ScriptDirectory:
    return ScriptDirectory(str(scripts))


def _newest_expand(directory: ScriptDirectory) -> str:
    """The newest revision that this version needs; contract migrations after it can wait."""
    newest_first = directory.walk_revisions()
    return next(script.revision for script in newest_first if not is_contract(Path(script.path)))


def is_contract(script: Path) -> bool:
    """Whether the migration's file name marks it as one to run after the deploy."""
    return script.name.split("_")[1] == "contract"


async def _run(database_url: str, revision: str, scripts: Path, *, upwards: bool) -> None:
    def step(connection: Connection) -> None:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(scripts).replace("%", "%%"))
        (command.upgrade if upwards else command.downgrade)(config, revision)

    engine = create_async_engine(database_url, poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(step)
    finally:
        await engine.dispose()


def _heads(connection: Connection) -> set[str]:
    return set(MigrationContext.configure(connection).get_current_heads())
