"""The steps of an export, for the bot that has claimed it; the commits are the caller's.

A claim is a number with an end: a bot that is killed leaves the export to another one, which goes
on where the last committed step ended.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from sqlalchemy import Update, delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.exports import OPEN_EXPORTS, ExportFailure, ExportState
from bot.store.exports.orders import COLUMNS, Export, delete_file, read_export
from bot.store.schema import export_parts, export_people, exports

#: Longer than any step takes.
CLAIM_S = 60.0

_OPEN = [state.value for state in OPEN_EXPORTS]


async def claim(
    connection: AsyncConnection, lists: Collection[str], *, claim_s: float = CLAIM_S
) -> Export | None:
    """Claim the oldest open export of these lists that no bot works on; None: there is none.

    A newer bot's list is left to it.
    """
    free = (
        select(exports.c.id)
        .where(
            exports.c.state.in_(_OPEN),
            exports.c.list.in_(lists),
            or_(exports.c.claimed_until.is_(None), exports.c.claimed_until < func.now()),
        )
        .order_by(exports.c.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    statement = (
        update(exports)
        .where(exports.c.id == free.scalar_subquery())
        .values(
            state=ExportState.RUNNING.value,
            claim=exports.c.claim + 1,
            claimed_until=func.now() + timedelta(seconds=claim_s),
        )
        .returning(*COLUMNS)
    )
    row = (await connection.execute(statement)).one_or_none()
    return read_export(row) if row else None


async def renew(
    connection: AsyncConnection, export: Export, *, claim_s: float = CLAIM_S
) -> Export | None:
    """Lock the export for a step; None: it was ended, or another bot has it by now."""
    statement = (
        _of(export)
        .values(claimed_until=func.now() + timedelta(seconds=claim_s))
        .returning(*COLUMNS)
    )
    row = (await connection.execute(statement)).one_or_none()
    return read_export(row) if row else None


async def release(connection: AsyncConnection, export: Export) -> None:
    """Leave the export to whichever bot looks next."""
    await connection.execute(_of(export).values(claimed_until=None))


async def advance(
    connection: AsyncConnection,
    export: Export,
    *,
    cursor: str,
    listed: bool,
    cut: bool,
    rows: int,
    size: int,
) -> None:
    """Store where the next step begins, with the rows and bytes that this one added."""
    await connection.execute(
        _of(export).values(
            cursor=cursor,
            listed=listed,
            cut=cut,
            rows=exports.c.rows + rows,
            bytes=exports.c.bytes + size,
        )
    )


async def add_part(
    connection: AsyncConnection, export: Export, number: int, data: bytes, *, of_file: bool
) -> None:
    """Store a part. One of a file that is put together anew replaces an older one."""
    new = insert(export_parts).values(export_id=export.id, of_file=of_file, part=number, data=data)
    await connection.execute(
        new.on_conflict_do_update(
            index_elements=["export_id", "of_file", "part"], set_={"data": new.excluded.data}
        )
    )


async def next_part(connection: AsyncConnection, export: Export, *, of_file: bool) -> int:
    """The number of the next part."""
    table = export_parts.c
    last = select(func.max(table.part)).where(
        table.export_id == export.id, table.of_file.is_(of_file)
    )
    found = await connection.scalar(last)
    return 0 if found is None else int(found) + 1


async def read_part(
    connection: AsyncConnection, export_id: int, number: int, *, of_file: bool
) -> bytes | None:
    """A part; None: there is no such."""
    table = export_parts.c
    statement = select(table.data).where(
        table.export_id == export_id, table.of_file.is_(of_file), table.part == number
    )
    found: bytes | None = await connection.scalar(statement)
    return found


async def add_people(connection: AsyncConnection, export: Export, people: Collection[str]) -> None:
    """Store whose words the new rows hold, by the digests of their keys."""
    if people:
        rows = [{"export_id": export.id, "person": person} for person in sorted(people)]
        await connection.execute(insert(export_people).on_conflict_do_nothing(), rows)


async def finish(
    connection: AsyncConnection, export: Export, *, parts: int, size: int, kept_days: int
) -> None:
    """The file is complete with so many parts: delete the rows it was made from."""
    table = export_parts.c
    beyond = table.part >= parts
    await connection.execute(
        delete(export_parts).where(
            table.export_id == export.id, or_(table.of_file.is_(False), beyond)
        )
    )
    await connection.execute(
        _of(export).values(
            state=ExportState.DONE.value,
            bytes=size,
            ended_at=func.now(),
            expires_at=func.now() + timedelta(days=kept_days),
        )
    )


async def end(
    connection: AsyncConnection,
    export: Export,
    state: ExportState,
    failure: ExportFailure | None = None,
) -> None:
    """End the export without a file."""
    values = {"state": state.value, "failure": failure.value if failure else ""}
    changed = await connection.execute(_of(export).values(**values, ended_at=func.now()))
    if changed.rowcount:
        await delete_file(connection, [export.id])


async def expire(connection: AsyncConnection, *, limit: int) -> int:
    """Delete files that were kept long enough, at most ``limit``; their number."""
    old = (
        select(exports.c.id)
        .where(exports.c.state == ExportState.DONE.value, exports.c.expires_at < func.now())
        .order_by(exports.c.expires_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    ids = list((await connection.execute(old)).scalars())
    if ids:
        expired = update(exports).where(exports.c.id.in_(ids))
        await connection.execute(expired.values(state=ExportState.EXPIRED.value))
        await delete_file(connection, ids)
    return len(ids)


def _of(export: Export) -> Update:
    """An update of the export, as long as the claim holds and nobody has ended it."""
    return update(exports).where(
        exports.c.id == export.id,
        exports.c.claim == export.claim,
        exports.c.state == ExportState.RUNNING.value,
    )
