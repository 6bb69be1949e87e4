"""The statements that a piece of code runs, by SQLAlchemy or straight to asyncpg."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from unittest import mock

from sqlalchemy import Executable, event
from sqlalchemy.ext.asyncio import AsyncEngine

from runtime.direct import DirectConnection, DirectResult


@contextmanager
def seen_statements(database: AsyncEngine) -> Iterator[list[str]]:
    """The texts of the statements that run in the context, in their order."""
    seen: list[str] = []

    def note(*arguments: Any) -> None:
        seen.append(arguments[2])

    event.listen(database.sync_engine, "before_cursor_execute", note)
    try:
        with after_direct_statements(lambda statement, _: seen.append(statement)):
            yield seen
    finally:
        event.remove(database.sync_engine, "before_cursor_execute", note)


@contextmanager
def after_direct_statements(then: Callable[[str, DirectResult], object]) -> Iterator[None]:
    """Calls ``then`` with each statement that went straight to asyncpg, once it has run."""
    execute = DirectConnection.execute

    async def executed(
        self: DirectConnection, statement: Executable, values: Mapping[str, Any] | None = None
    ) -> DirectResult:
        result = await execute(self, statement, values)
        then(str(statement), result)
        return result

    with mock.patch.object(DirectConnection, "execute", executed):
        yield
