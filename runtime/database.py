"""The connection to Postgres: its pool, its errors."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

import asyncpg
import orjson
from sqlalchemy import ColumnElement, Uuid, bindparam, exc, func
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool
from sqlalchemy.types import TypeEngine

from runtime.database_url import DatabaseUrl, read_database_url
from runtime.held_connections import HoldingEngine
from runtime.outage_log import OutageLog
from runtime.postgres_refusals import connection_cause

_DRIVER = "postgresql+asyncpg://"
_CONNECT_S = 3.0
_RECYCLE_S = 1800


class CannotConnectError(OSError):
    """Postgres did not accept a connection; the text names its place and the cause.

    Always an outage, even for a wrong password: no statement or row is to blame.
    """


#: Everything a statement may raise when Postgres is gone, restarting or unreachable.
DATABASE_ERRORS = (
    exc.DBAPIError,
    exc.TimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)

#: Turns synchronous_commit off for this transaction. Only for work that is repeated after a crash
#: of Postgres; the next durable commit flushes it too.
LAZY_COMMIT = func.set_config("synchronous_commit", "off", True)
LAZY_COMMIT_SQL = "set_config('synchronous_commit', 'off', true)"

#: For connections whose statements all find their rows by a key, and run with every message: one
#: plan for any values, for a plan takes longer than its run, and none that reads a table whole,
#: for it may have been made while the table was small.
BY_KEY: Mapping[str, str] = {
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "jit": "off",
}

#: For connections whose statements wait for locks and then do what their sender has to go on with:
#: a statement ends soon after the process that sent it, instead of doing it for nobody.
WITH_SENDER: Mapping[str, str] = {"client_connection_check_interval": "100ms"}

#: SQLSTATE classes of server errors: connection exception, insufficient resources, system error
#: (PostgreSQL documentation, appendix A).
_OUTAGE_CLASSES = frozenset({"08", "53", "58"})
#: Shutdown, crash, start-up, and a read-only standby.
_OUTAGE_STATES = frozenset({"57P01", "57P02", "57P03", "25006"})


#: What to do about a refused statement, by SQLSTATE.
_ADVICE = {
    "42501": "give the URL's user that right, or take the owner of the database",
    "42P07": "is it another program's database? Give the bot one of its own",
}


def sqlstate(error: BaseException) -> str:
    """The SQLSTATE of the error, five characters; empty if it has none."""
    cause = error.orig if isinstance(error, exc.DBAPIError) else error
    state = getattr(cause, "sqlstate", None)
    return state if isinstance(state, str) else ""


def is_gone(error: BaseException) -> bool:
    """Whether Postgres cannot be reached or cannot execute any statement.

    Every other error is a fault of the statement or its values: waiting does not help.
    """
    if not isinstance(error, DATABASE_ERRORS):
        return False
    if isinstance(error, exc.DBAPIError) and error.connection_invalidated:
        return True
    if state := sqlstate(error):
        return state[:2] in _OUTAGE_CLASSES or state in _OUTAGE_STATES
    return not isinstance(error, exc.DataError | exc.IntegrityError | exc.ProgrammingError)


def fault_fields(error: BaseException) -> dict[str, str]:
    """The fields of a fault for the log: names from Postgres, and no value of a row."""
    cause = error.orig if isinstance(error, exc.DBAPIError) else error
    root = getattr(cause, "__cause__", None)
    if not isinstance(root, Exception):  # a time-out comes of the cancellation that it caused
        root = cause
    named = {
        name: getattr(root, f"{name}_name", None) for name in ("constraint", "table", "column")
    }
    fields = {"error": type(root).__name__, "sqlstate": sqlstate(error), **named}
    return {name: value for name, value in fields.items() if isinstance(value, str) and value}


def refusal(error: BaseException) -> str:
    """What Postgres said to a statement, in one line, and what to do where that is known."""
    cause = error.orig if isinstance(error, exc.DBAPIError) else error
    root = getattr(cause, "__cause__", None) or cause
    line = (str(root).strip() or type(root).__name__).splitlines()[0][:200]
    advice = _ADVICE.get(sqlstate(error))
    return f"{line}: {advice}" if advice else line


def connect_database(
    raw_url: str,
    *,
    pool_size: int,
    server_settings: Mapping[str, str] | None = None,
    held: int = 0,
) -> AsyncEngine:
    """A connection pool with time-outs on every wait; connects lazily. Raises ValueError.

    ``server_settings``: Postgres' own, set in each connection. ``held``: idle connections that
    wait for direct statements alone (runtime/direct.py).
    """
    url = read_database_url(raw_url)
    engine = create_async_engine(
        _DRIVER,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=3,
        pool_recycle=_RECYCLE_S,
        # The most recently used connection has its statements prepared and a warm server process.
        pool_use_lifo=True,
        json_deserializer=load_json,
        # An error shows its statement in the log, never the personal data in its values.
        hide_parameters=True,
        connect_args=_connect_args(
            url,
            outage=OutageLog("postgres", url.place),
            statement_s=10,
            server_settings=server_settings or {},
        ),
    )
    return HoldingEngine(engine.sync_engine, most=held, recycle_s=_RECYCLE_S) if held else engine


def load_json(stored: str) -> Any:
    """The value of JSON as Postgres writes it. Raises ValueError for anything else.

    Postgres keeps numbers of any size. One above all floats is read as infinite, so that its row is
    checked and refused like any other: an exception would stop all the rows beside it.
    """
    try:
        return orjson.loads(stored)
    except orjson.JSONDecodeError:
        return json.loads(stored, parse_int=_whole_or_infinite)


def _whole_or_infinite(digits: str) -> int | float:
    return int(digits) if math.isfinite(number := float(digits)) else number


def connect_unpooled(raw_url: str, *, statement_s: float | None = None) -> AsyncEngine:
    """Connections for a command that runs once, such as a migration. Raises ValueError.

    ``statement_s``: the time-out of a statement; None: a migration may take its time.
    """
    url = read_database_url(raw_url)
    arguments = _connect_args(url, outage=None, statement_s=statement_s, server_settings={})
    return create_async_engine(_DRIVER, poolclass=NullPool, connect_args=arguments)


def _connect_args(
    url: DatabaseUrl,
    *,
    outage: OutageLog | None,
    statement_s: float | None,
    server_settings: Mapping[str, str],
) -> dict[str, Any]:
    caches = {name: size for name, size in url.caches.items() if name.startswith("prepared")}
    creator = partial(_connect, url, outage, statement_s, server_settings)
    return {"async_creator_fn": creator, **caches}


async def _connect(
    url: DatabaseUrl,
    outage: OutageLog | None,
    statement_s: float | None,
    server_settings: Mapping[str, str],
) -> asyncpg.Connection:
    """A connection. Raises CannotConnectError, which is an outage whatever its cause."""
    try:
        connection = await asyncpg.connect(
            **url.connect_args(),
            timeout=_CONNECT_S,
            command_timeout=statement_s,
            # Planning the statements of a message takes longer than running them.
            max_cached_statement_lifetime=0,
        )
        await _set(connection, server_settings)
    except (*DATABASE_ERRORS, ValueError) as error:
        cause = connection_cause(error, url)
        if outage:
            outage.begin(cause)
        raise CannotConnectError(f"Postgres at {url.place}: {cause}") from error
    if outage:
        outage.end()
    return connection


async def _set(connection: asyncpg.Connection, settings: Mapping[str, str]) -> None:
    """Set them for the connection, which is closed where that fails.

    Not with its start: poolers refuse parameters that they do not know.
    """
    if not settings:
        return
    try:
        await connection.execute(
            "; ".join(f"SET {name} = '{value}'" for name, value in settings.items())
        )
    except BaseException:
        connection.terminate()
        raise


def any_of(values: Iterable[Any], kind: type[TypeEngine[Any]] = Uuid) -> ColumnElement[Any]:
    """Compare a column with any of the values, in one statement for any number of them.

    ``IN`` makes a statement per number of ids, and each connection keeps each of them prepared.
    """
    return func.any(bindparam(None, list(values), ARRAY(kind)))
