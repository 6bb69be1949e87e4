"""Reaching Postgres: one reading of its URL, one idea of when it is gone."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

import asyncpg
from sqlalchemy import URL, ColumnElement, Uuid, bindparam, exc, func, make_url
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

#: Everything a statement may raise when Postgres is gone, restarting or unreachable.
DATABASE_ERRORS = (
    exc.DBAPIError,
    exc.TimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    OSError,
    TimeoutError,
)

#: A column that lets the commit of its transaction not wait for the disk. For what is simply done
#: again after a crash of Postgres: anything committed later that does wait takes it along.
LAZY_COMMIT = func.set_config("synchronous_commit", "off", True)
LAZY_COMMIT_SQL = "set_config('synchronous_commit', 'off', true)"


def is_gone(error: BaseException) -> bool:
    """Whether the database is to blame, rather than the statement or its values."""
    return isinstance(error, DATABASE_ERRORS) and not isinstance(
        error, exc.DataError | exc.IntegrityError | exc.ProgrammingError
    )


def connect_database(raw_url: str, *, pool_size: int) -> AsyncEngine:
    """A pool whose every wait is bounded; nothing is connected yet. Raises ValueError."""
    return create_async_engine(
        asyncpg_url(raw_url),
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=3,
        pool_recycle=1800,
        # The connection that was used last knows its statements, and its server process is warm.
        pool_use_lifo=True,
        # An error names its statement in the log, never the people's words in it.
        hide_parameters=True,
        connect_args={"timeout": 3, "command_timeout": 10},
    )


def any_of(ids: Iterable[UUID]) -> ColumnElement[UUID]:
    """What a column equals that is one of the ids: in one statement, however many there are.

    ``IN`` makes a statement for every number of them, and each connection keeps each prepared.
    """
    return func.any(bindparam(None, list(ids), ARRAY(Uuid)))


def asyncpg_url(raw: str) -> URL:
    """The URL for SQLAlchemy's asyncpg driver; ``postgres://`` and ``sslmode=`` are understood.

    Raises ValueError, without the URL in its text, where it is not a Postgres URL.
    """
    try:
        url = make_url(raw)
    except ArgumentError as error:
        raise ValueError("the database URL cannot be read") from error
    if url.drivername.split("+")[0] not in ("postgres", "postgresql"):
        raise ValueError(f"a postgresql:// URL is needed, not {url.drivername}://")
    query = dict(url.query)
    if "sslmode" in query:
        query["ssl"] = query.pop("sslmode")
    return url.set(drivername="postgresql+asyncpg", query=query)
