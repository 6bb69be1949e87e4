"""Orders of exports, as their authors place, follow and end them; the commits are the caller's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.exports import OPEN_EXPORTS, ExportFormat, ExportState
from bot.store.one_at_a_time import one_at_a_time
from bot.store.schema import export_parts, export_people, exports

#: Of one author, waiting or running.
MAX_OPEN = 5

_OPEN = [state.value for state in OPEN_EXPORTS]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is asked for."""

    author: str
    list: str
    query: str  #: as the URL of the list's page carries it
    format: ExportFormat
    reason: str
    language: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """An order and how far it is. States are plain strings: a newer bot may store others."""

    id: int
    author: str
    list: str
    query: str
    format: str
    reason: str
    language: str
    state: str
    failure: str
    cursor: str
    listed: bool
    cut: bool
    rows: int
    bytes: int
    claim: int
    created_at: datetime
    ended_at: datetime | None
    expires_at: datetime | None


COLUMNS = tuple(exports.c[name] for name in Export.__dataclass_fields__)
_EXPORTS: Select[Any] = select(*COLUMNS)


def read_export(row: Row[Any]) -> Export:
    """The export in a row of ``COLUMNS``."""
    return Export(**row._asdict())


async def place(connection: AsyncConnection, order: Order) -> int | None:
    """Place an order; its id, or None where its author has too many open ones."""
    await one_at_a_time(connection, f"exports:{order.author}")
    of_author = exports.c.author == order.author
    opened = select(func.count()).where(of_author, exports.c.state.in_(_OPEN))
    if (await connection.scalar(opened) or 0) >= MAX_OPEN:
        return None
    new = insert(exports).values(
        author=order.author,
        list=order.list,
        query=order.query,
        format=order.format.value,
        reason=order.reason,
        language=order.language,
    )
    return int((await connection.execute(new.returning(exports.c.id))).scalar_one())


async def find(connection: AsyncConnection, export_id: int) -> Export | None:
    """The export with that id."""
    row = (await connection.execute(_EXPORTS.where(exports.c.id == export_id))).one_or_none()
    return read_export(row) if row else None


async def newest(
    connection: AsyncConnection, *, author: str | None, before: int | None, limit: int
) -> list[Export]:
    """The newest exports below an id; ``author`` None: everybody's."""
    conditions: list[ColumnElement[bool]] = []
    if author is not None:
        conditions.append(exports.c.author == author)
    if before is not None:
        conditions.append(exports.c.id < before)
    statement = _EXPORTS.where(*conditions).order_by(exports.c.id.desc()).limit(limit)
    return [read_export(row) for row in await connection.execute(statement)]


async def cancel(connection: AsyncConnection, export_id: int) -> bool:
    """End an open export, or delete the file of one that is done; False: neither."""
    kept = [*_OPEN, ExportState.DONE.value]
    statement = (
        update(exports)
        .where(exports.c.id == export_id, exports.c.state.in_(kept))
        .values(state=ExportState.CANCELLED.value, ended_at=func.now())
    )
    if not (await connection.execute(statement)).rowcount:
        return False
    await delete_file(connection, [export_id])
    return True


async def withdraw(connection: AsyncConnection, person: str) -> int:
    """End all exports that hold the person's words; ``person``: the digest of the key.

    Their number. Waits for the steps that run: what they have read before is seen here.
    """
    running = select(exports.c.id).where(exports.c.state.in_(_OPEN)).order_by(exports.c.id)
    await connection.execute(running.with_for_update())
    held = select(export_people.c.export_id).where(export_people.c.person == person)
    kept = [*_OPEN, ExportState.DONE.value]
    statement = (
        update(exports)
        .where(exports.c.id.in_(held), exports.c.state.in_(kept))
        .values(state=ExportState.WITHDRAWN.value, ended_at=func.now())
        .returning(exports.c.id)
    )
    ids = list((await connection.execute(statement)).scalars())
    await delete_file(connection, ids)
    return len(ids)


async def delete_file(connection: AsyncConnection, ids: list[int]) -> None:
    """Delete what the exports hold, with the names of whose words it is."""
    if ids:
        await connection.execute(delete(export_parts).where(export_parts.c.export_id.in_(ids)))
        await connection.execute(delete(export_people).where(export_people.c.export_id.in_(ids)))
