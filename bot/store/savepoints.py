"""One transaction over many rows, whatever single ones Postgres refuses."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from runtime.fault_kind import FaultKind, fault_kind

Item = TypeVar("Item")


async def store_each(
    connection: AsyncConnection,
    items: Sequence[Item],
    store: Callable[[Sequence[Item]], Awaitable[None]],
    *,
    on_refused: Callable[[Item, Exception], Awaitable[None]],
) -> None:
    """Store all items at once; if one cannot be stored, each alone, behind a savepoint.

    Raises errors that no item is to blame for.
    """
    if not items:
        return
    if len(items) > 1 and await _refusal(connection, items, store) is None:
        return
    for item in items:
        error = await _refusal(connection, [item], store)
        if error is not None:
            await on_refused(item, error)


async def _refusal(
    connection: AsyncConnection,
    items: Sequence[Item],
    store: Callable[[Sequence[Item]], Awaitable[None]],
) -> Exception | None:
    try:
        async with connection.begin_nested():
            await store(items)
    except Exception as error:
        if fault_kind(error) is not FaultKind.ROW:
            raise
        return error
    return None
