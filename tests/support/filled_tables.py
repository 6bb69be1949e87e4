"""A row in every table of a schema, by what Postgres knows of its columns and constraints."""

from __future__ import annotations

import re

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

#: What is migrated, and not the record of the migrations.
TABLES = text(
    "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace "
    "AND relname <> 'alembic_version' ORDER BY relname"
)
#: Columns that a row cannot do without, and that nothing fills by itself.
_COLUMNS = text(
    """
    SELECT column_name AS name, udt_name AS type FROM information_schema.columns
    WHERE table_schema = 'public' AND table_name = :table AND is_nullable = 'NO'
      AND column_default IS NULL AND identity_generation IS NULL AND is_generated = 'NEVER'
    """
)
_CHECKS = text(
    "SELECT pg_get_constraintdef(oid) FROM pg_constraint "
    "WHERE contype = 'c' AND conrelid = CAST(:table AS regclass)"
)
_VALUES = {
    "text": "'x'",
    "uuid": "gen_random_uuid()",
    "jsonb": "'{}'",
    "bytea": "'x'",
    "bool": "false",
    "timestamptz": "now()",
    "date": "current_date",
}

#: What constraints over several columns want.
_WANTED = {"reviews": {"declined": "true"}}


async def tables(connection: AsyncConnection) -> list[str]:
    """The names of the tables."""
    return list((await connection.execute(TABLES)).scalars())


async def fill_empty_tables(connection: AsyncConnection) -> None:
    """One row in each table that has none; foreign keys and triggers are off meanwhile."""
    await connection.execute(text("SET LOCAL session_replication_role = replica"))
    for table in await tables(connection):
        if not await count(connection, table):
            await _fill(connection, table)


async def count(connection: AsyncConnection, table: str) -> int:
    """The rows of a table."""
    return int(await connection.scalar(text(f"SELECT count(*) FROM {table}")) or 0)


async def _fill(connection: AsyncConnection, table: str) -> None:
    allowed = await _allowed(connection, table)
    values = {
        column.name: allowed.get(column.name) or _value(column.type)
        for column in await connection.execute(_COLUMNS, {"table": table})
    }
    values |= _WANTED.get(table, {})
    names = ", ".join(f'"{name}"' for name in values)
    row = f"({names}) VALUES ({', '.join(values.values())})" if values else "DEFAULT VALUES"
    await connection.execute(text(f"INSERT INTO {table} {row}".replace(":", r"\:")))


async def _allowed(connection: AsyncConnection, table: str) -> dict[str, str]:
    """A value for each column that takes certain ones only."""
    checks = (await connection.execute(_CHECKS, {"table": table})).scalars()
    found = (re.search(r"\((\w+) = ANY \(ARRAY\[('[^']*')", check) for check in checks)
    return {match[1]: match[2] for match in found if match}


def _value(kind: str) -> str:
    is_array = kind.startswith("_")  # as Postgres names their types
    return "'{}'" if is_array else _VALUES.get(kind, "1")
