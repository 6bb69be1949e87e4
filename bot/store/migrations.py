"""The database's schema: bring it up to date, and tell whether it is.

Old and new version run side by side on one schema. So a migration's file is marked: ``before`` (the
deploy) only adds, and the old version goes on working; ``after`` takes away what only the version
before needed, and waits until that is gone. A ``before`` that follows an ``after`` takes it along:
it is of a later version, and two versions back nothing runs any more.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

_SCRIPTS = Path(__file__).resolve().parents[2] / "migrations"
#: Two processes may migrate at once: the second waits for this lock and finds nothing to do.
_LOCK = 0x626C6C6F  # "bllo"


async def migrate(
    database_url: str, *, after_deploy: bool = False, scripts: Path = _SCRIPTS
) -> None:
    """Bring the schema to where this version works on it, in one transaction.

    ``after_deploy``: no older version runs any more; what only that needed is taken away too.
    """
    target = "head" if after_deploy else _newest_before(_directory(scripts))
    await _run(database_url, target, scripts, upwards=True)


async def revert(database_url: str, revision: str) -> None:
    """Take the schema back to ``revision`` ("base": nothing is left), in one transaction."""
    await _run(database_url, revision, _SCRIPTS, upwards=False)


async def pending(database_url: str, scripts: Path = _SCRIPTS) -> bool:
    """Whether the database lacks a migration without which this program does not work."""
    engine = create_async_engine(database_url, poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            there = await connection.run_sync(_heads)
    finally:
        await engine.dispose()
    directory = _directory(scripts)
    known = {script.revision: script for script in directory.walk_revisions()}
    # A revision this program does not know is a newer one: an old bot beside a new schema.
    if not there <= known.keys():
        return False
    newest = _newest_before(directory)
    missing = directory.iterate_revisions("head", next(iter(there), "base"))
    return newest in {script.revision for script in missing}


def _directory(scripts: Path) -> ScriptDirectory:
    return ScriptDirectory(str(scripts))


def _newest_before(directory: ScriptDirectory) -> str:
    """The newest revision that this version needs: all others wait for the end of the deploy."""
    newest_first = directory.walk_revisions()
    return next(script.revision for script in newest_first if not is_after(Path(script.path)))


def is_after(script: Path) -> bool:
    """Whether the migration's file is marked to run after the deploy."""
    return script.name.split("_")[1] == "after"


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
