"""The database's schema: migrations, and the check whether it is up to date.

During a deploy the old and the new version share one schema, so every migration's file name marks
its kind. An ``expand`` migration only adds: the previous version still works. A ``contract``
migration removes what only the previous version needed, and runs once that version is gone. An
``expand`` that follows a ``contract`` runs it too: it belongs to a later version, and a version two
releases old runs nowhere.

Each migration leaves the list of the revisions whose programs work with the schema, as the comment
of Alembic's table: an older program that comes back does not know the newer revisions.
"""

from __future__ import annotations

import asyncio
import functools
import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from runtime.database import connect_unpooled

_SCRIPTS = Path(__file__).resolve().parents[2] / "migrations"
#: Two processes may migrate at once: the second waits for this lock, then has nothing to do.
_LOCK = 0x626C6C6F  # "bllo"
#: Begins the comment of Alembic's table.
_NOTE = "works with programs of revision: "


class SchemaState(StrEnum):
    """The schema, seen from this version of the program."""

    CURRENT = "current"
    BEHIND = "behind"  #: an expand migration of this version is missing
    NEWER = "newer"  #: made by a later version; this one works with it
    INCOMPATIBLE = "incompatible"  #: a later version took away what this one needs
    FOREIGN = "foreign"  #: made by another program, which uses Alembic as well


class IncompatibleSchemaError(Exception):
    """A schema that this version cannot work with; the text says what to do."""


async def migrate(
    database_url: str, *, after_deploy: bool = False, scripts: Path = _SCRIPTS
) -> SchemaState:
    """Migrate the schema to the revision of this version, in one transaction.

    ``after_deploy``: all older versions are gone, so the contract migrations run too. A schema of a
    later version stays as it is: NEWER. Raises IncompatibleSchemaError where this version cannot
    work with it.
    """
    target = "head" if after_deploy else _newest_expand(_directory(scripts))
    return await _run(database_url, target, scripts, upwards=True)


async def revert(database_url: str, revision: str) -> None:
    """Downgrade the schema to ``revision`` ("base": an empty one), in one transaction."""
    await _run(database_url, revision, _SCRIPTS, upwards=False)


async def pending(database_url: str, scripts: Path = _SCRIPTS) -> bool:
    """Whether the database lacks an expand migration that this program needs."""
    engine = connect_unpooled(database_url)
    try:
        async with engine.connect() as connection:
            return await schema_state(connection, scripts) is SchemaState.BEHIND
    finally:
        await engine.dispose()


async def schema_state(connection: AsyncConnection, scripts: Path = _SCRIPTS) -> SchemaState:
    """The state of the schema; the scripts are read once per process."""
    required = await asyncio.to_thread(_required, scripts)  # it reads and imports every script
    return await connection.run_sync(_state, required)


class ReadOnlyError(Exception):
    """The database takes no writes."""


class SchemaCheck:
    """The check whether this version can work with the database; in part once, then skipped."""

    def __init__(self, database: AsyncEngine) -> None:
        self._database = database
        self._usable: SchemaState | None = None

    async def state(self) -> SchemaState:
        """The state of the schema. Raises ReadOnlyError and DATABASE_ERRORS.

        Once usable, one round trip checks the connection only: no schema is downgraded while the
        process runs. But hosts make a database read-only while its disk is full.
        """
        async with self._database.connect() as connection:
            if await is_read_only(connection):
                raise ReadOnlyError
            if self._usable:
                return self._usable
            state = await schema_state(connection)
        if state in (SchemaState.CURRENT, SchemaState.NEWER):
            self._usable = state
        return state


async def is_read_only(connection: AsyncConnection) -> bool:
    """Whether the server takes no writes: a standby, or one made read-only."""
    state: str = await connection.scalar(text("SHOW transaction_read_only"))
    return state == "on"


@dataclass(frozen=True, slots=True, kw_only=True)
class RequiredRevision:
    """The newest revision that this version needs, and all that it knows.

    Any other revision is newer: an old bot beside a new schema.
    """

    revision: str
    older: frozenset[str]
    known: frozenset[str]


@functools.cache
def _required(scripts: Path) -> RequiredRevision:
    directory = _directory(scripts)
    newest = _newest_expand(directory)
    older = {script.revision for script in directory.iterate_revisions(newest, "base")} - {newest}
    known = {script.revision for script in directory.walk_revisions()}
    return RequiredRevision(revision=newest, older=frozenset(older), known=frozenset(known))


def _state(connection: Connection, required: RequiredRevision) -> SchemaState:
    revisions = _heads(connection)
    if not revisions or revisions & required.older:
        return SchemaState.BEHIND
    if revisions <= required.known:
        return SchemaState.CURRENT
    compatible = _noted_as_compatible(connection)
    if not (compatible or _has_tables(connection)):
        return SchemaState.FOREIGN
    fits = not compatible or required.revision in compatible
    return SchemaState.NEWER if fits else SchemaState.INCOMPATIBLE


def _directory(scripts: Path) -> ScriptDirectory:
    return ScriptDirectory(str(scripts))


def _newest_expand(directory: ScriptDirectory) -> str:
    """The newest revision that this version needs; contract migrations after it can wait."""
    newest_first = directory.walk_revisions()
    return next(script.revision for script in newest_first if not is_contract(Path(script.path)))


def is_contract(script: Path) -> bool:
    """Whether the migration's file name marks it as one to run after the deploy."""
    return script.name.split("_")[1] == "contract"


async def _run(database_url: str, revision: str, scripts: Path, *, upwards: bool) -> SchemaState:
    required = _required(scripts)

    def step(connection: Connection) -> SchemaState:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        state = _state(connection, required)
        if state is SchemaState.INCOMPATIBLE:
            raise IncompatibleSchemaError(_advice(_heads(connection), required))
        if state is SchemaState.FOREIGN:
            raise IncompatibleSchemaError(
                f"The database is another program's (revision {', '.join(_heads(connection))}): "
                "give the bot one of its own in BOT_DATABASE_URL."
            )
        if state is SchemaState.NEWER:
            return state
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(scripts).replace("%", "%%"))
        (command.upgrade if upwards else command.downgrade)(config, revision)
        _note_compatible(connection, scripts)
        return SchemaState.CURRENT

    engine = connect_unpooled(database_url)
    try:
        async with engine.begin() as connection:
            return await connection.run_sync(step)
    finally:
        await engine.dispose()


def _advice(revisions: set[str], required: RequiredRevision) -> str:
    return (
        f"The schema (revision {', '.join(sorted(revisions))}) no longer has what this version "
        f"needs (revision {required.revision}): run the newer version, or restore the backup from "
        "before the upgrade."
    )


def _heads(connection: Connection) -> set[str]:
    return set(MigrationContext.configure(connection).get_current_heads())


def _note_compatible(connection: Connection, scripts: Path) -> None:
    """Write the revisions whose programs work with the schema: back to the last contract."""
    revisions: list[str] = []
    beyond_contract = False
    for head in _heads(connection):
        for script in _directory(scripts).iterate_revisions(head, "base"):
            revisions.append(script.revision)
            contract = is_contract(Path(script.path))
            if beyond_contract and not contract:
                break  # the expand that the contract belongs to: programs before it are gone
            beyond_contract |= contract
    words = " ".join(revision for revision in revisions if re.fullmatch(r"[\w.-]+", revision))
    connection.execute(text(f"COMMENT ON TABLE alembic_version IS '{_NOTE}{words}'"))


def _has_tables(connection: Connection) -> bool:
    """Whether it is a schema of this program, of whatever version."""
    return bool(connection.scalar(text("SELECT to_regclass('turns') IS NOT NULL")))


def _noted_as_compatible(connection: Connection) -> set[str]:
    """The revisions of the comment; empty where there is none."""
    note = connection.scalar(text("SELECT obj_description(to_regclass('alembic_version'))"))
    return set(str(note).removeprefix(_NOTE).split()) if str(note).startswith(_NOTE) else set()
