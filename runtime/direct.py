"""Statements straight to asyncpg, for what runs with every message or every few seconds.

SQLAlchemy writes the statement and makes the connections; it does not execute. A statement through
its pool, context and result costs the program 0.27 ms, one here 0.04; four in a transaction 0.81
and 0.15. Errors are asyncpg's own, which ``runtime.database`` reads as well.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any
from weakref import WeakKeyDictionary

import asyncpg
from sqlalchemy import BindParameter, Executable
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeEngine

from runtime.held_connections import HeldConnection, HoldingEngine

_DIALECT = PGDialect_asyncpg()  # type: ignore[no-untyped-call]

#: Converts a value on its way to Postgres.
_Convert = Callable[[Any], Any]


class DirectRow(asyncpg.Record):  # type: ignore[misc]
    """A row; its columns are attributes, as those of SQLAlchemy's rows are."""

    __getattr__ = asyncpg.Record.__getitem__

    def _asdict(self) -> dict[str, Any]:
        """The values by the names of their columns."""
        return dict(self.items())


class DirectResult:
    """The rows of a statement, all of them read."""

    def __init__(self, rows: Sequence[Any]) -> None:
        self._rows = rows

    def __iter__(self) -> Iterator[Any]:
        return iter(self._rows)

    def all(self) -> Sequence[Any]:
        """All rows."""
        return self._rows

    def first(self) -> Any:
        """The first row; None where there is none."""
        return self._rows[0] if self._rows else None

    def scalars(self) -> list[Any]:
        """The first column of all rows."""
        return [row[0] for row in self._rows]

    def one(self) -> Any:
        """The row of a statement that always has one."""
        if not self._rows:
            raise ValueError("one row was expected, and none came")
        return self.one_or_none()

    def one_or_none(self) -> Any:
        """The row of a statement that has one at most; None where there is none."""
        if len(self._rows) > 1:
            raise ValueError(f"one row was expected, and {len(self._rows)} came")
        return self.first()


class DirectConnection:
    """A connection that runs statements by asyncpg alone."""

    def __init__(self, driver: asyncpg.Connection) -> None:
        self._driver = driver

    async def execute(
        self, statement: Executable, values: Mapping[str, Any] | None = None
    ) -> DirectResult:
        """Run the statement, and read all its rows. Raises asyncpg's errors.

        ``statement``: built once, for it is compiled at its first run and remembered while it
        lives; without ``in_``, whose text depends on its values.
        """
        prepared = _prepared(statement)
        return DirectResult(
            await self._driver.fetch(
                prepared.sql, *prepared.arguments(values or {}), record_class=DirectRow
            )
        )

    async def scalar(self, statement: Executable, values: Mapping[str, Any] | None = None) -> Any:
        """The first column of the first row; None where there is none. As ``execute``."""
        row = (await self.execute(statement, values)).first()
        return None if row is None else row[0]

    async def scalars(
        self, statement: Executable, values: Mapping[str, Any] | None = None
    ) -> list[Any]:
        """The first column of all rows. As ``execute``."""
        return (await self.execute(statement, values)).scalars()

    def begin(self) -> AbstractAsyncContextManager[None]:
        """A transaction that ends with the context; a savepoint inside another one."""
        return _Begun(self._driver)


#: Where a function of the store serves the messages' own path, and others.
AnyConnection = AsyncConnection | DirectConnection


def connect_directly(database: AsyncEngine) -> AbstractAsyncContextManager[DirectConnection]:
    """A connection of the pool; each statement commits by itself."""
    return _Taken(database)


def begin_directly(database: AsyncEngine) -> AbstractAsyncContextManager[DirectConnection]:
    """A connection of the pool in a transaction, which ends with the context."""
    return _Transaction(database)


# Classes, for a generator costs the event loop a task's worth of bookkeeping each time.
class _Taken:
    """A connection that is given back afterwards, or closed where it may not be used again."""

    def __init__(self, database: AsyncEngine) -> None:
        self._database = database

    async def __aenter__(self) -> DirectConnection:
        self._connection = await _take(self._database)
        return DirectConnection(self._connection.driver)

    async def __aexit__(
        self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None
    ) -> None:
        if error is None or _is_whole(self._connection.driver, error):
            await _give_back(self._database, self._connection)
        else:
            await _drop(self._connection, error)


class _Transaction(_Taken):
    """Such a connection in a transaction."""

    async def __aenter__(self) -> DirectConnection:
        connection = await super().__aenter__()
        self._begun = connection.begin()
        try:
            await self._begun.__aenter__()
        except BaseException as error:
            await super().__aexit__(type(error), error, None)
            raise
        return connection

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            await self._begun.__aexit__(kind, error, trace)
        except BaseException as ended:
            await super().__aexit__(type(ended), ended, None)
            raise
        await super().__aexit__(kind, error, trace)


class _Begun:
    """A transaction: committed at the end, rolled back after an error where that is possible."""

    def __init__(self, driver: asyncpg.Connection) -> None:
        self._driver = driver
        self._transaction = driver.transaction()

    async def __aenter__(self) -> None:
        await self._transaction.start()

    async def __aexit__(
        self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None
    ) -> None:
        if error is None:
            await self._transaction.commit()
        elif _is_whole(self._driver, error):
            await self._transaction.rollback()


async def _take(database: AsyncEngine) -> HeldConnection:
    """A held connection, or one of SQLAlchemy's pool."""
    if isinstance(database, HoldingEngine):
        while (connection := database.held.take()) is not None:
            if not connection.driver.is_closed():
                return connection
            await _drop(connection)
    pooled = await database.connect()
    checked_out = pooled.sync_connection
    driver = checked_out.connection.driver_connection if checked_out else None
    return HeldConnection(pooled=pooled, driver=driver, taken_at=time.monotonic())


async def _give_back(database: AsyncEngine, connection: HeldConnection) -> None:
    if not (isinstance(database, HoldingEngine) and database.held.keep(connection)):
        await connection.pooled.close()


async def _drop(connection: HeldConnection, error: BaseException | None = None) -> None:
    await connection.pooled.invalidate(error)
    await connection.pooled.close()


def _is_whole(driver: asyncpg.Connection, error: BaseException) -> bool:
    """Whether the connection may be used again after the error.

    After a time-out or a cancellation its statement may still be running.
    """
    if driver.is_closed() or not isinstance(error, Exception):
        return False
    return not isinstance(error, TimeoutError | OSError | asyncpg.InterfaceError)


class _Prepared:
    """A statement's text, and the order of its values.

    Rows need no conversion: SQLAlchemy has told the connection how to read JSON.
    """

    def __init__(self, statement: Executable) -> None:
        compiled = statement.compile(dialect=_DIALECT)  # type: ignore[attr-defined]
        if not isinstance(compiled, SQLCompiler) or compiled.positiontup is None:
            raise TypeError("a statement with positions for its values was expected")
        self.sql = str(compiled)
        if "POSTCOMPILE" in self.sql:
            raise TypeError("a statement whose text depends on its values")
        self._binds = [_Bind(name, compiled.binds[name]) for name in compiled.positiontup]

    def arguments(self, values: Mapping[str, Any]) -> list[Any]:
        """The values in the statement's order."""
        return [bind.value(values) for bind in self._binds]


class _Bind:
    """One value of a statement."""

    def __init__(self, name: str, parameter: BindParameter[Any]) -> None:
        self._name = name
        self._required = parameter.required
        self._default = None if parameter.required else parameter.effective_value
        self._convert = _converter(parameter.type)

    def value(self, values: Mapping[str, Any]) -> Any:
        """Its value as asyncpg takes it. Raises KeyError where a required one is missing."""
        value = values[self._name] if self._required else values.get(self._name, self._default)
        return self._convert(value) if self._convert else value


def _converter(of_type: TypeEngine[Any]) -> _Convert | None:
    """What converts a value of the type; None where asyncpg takes it as it is."""
    if isinstance(of_type, ARRAY) and _converter(of_type.item_type) is None:
        return None
    return of_type.dialect_impl(_DIALECT).bind_processor(_DIALECT)


_STATEMENTS: WeakKeyDictionary[Executable, _Prepared] = WeakKeyDictionary()


def _prepared(statement: Executable) -> _Prepared:
    if (known := _STATEMENTS.get(statement)) is None:
        known = _STATEMENTS[statement] = _Prepared(statement)
    return known
