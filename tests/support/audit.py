"""Audit rows of another time, and a look at the log."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import insert, select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.store.audit_chain import StoredEntry, chained_hash
from bot.store.schema import audit_log


async def backdated(database: AsyncEngine, ages_in_days: list[float]) -> None:
    """Fill the empty log with a sound chain of rows of these ages, the oldest first."""
    link, rows = bytes(32), []
    for seq, days in enumerate(ages_in_days, 1):
        fields = dict.fromkeys(("object", "reason", "address"), "")
        fields |= {"actor": "admin", "action": "login", "details": "{}"}
        at = datetime.now(UTC) - timedelta(days=days)
        row = StoredEntry(seq=seq, at=at, previous_hash=link, hash=b"", **fields)
        link = chained_hash(row)
        rows.append({**fields, "seq": seq, "at": at, "previous_hash": row.previous_hash})
        rows[-1]["hash"] = link
    async with database.begin() as connection:
        await connection.execute(text("ALTER TABLE audit_log DISABLE TRIGGER audit_log_chain"))
        await connection.execute(insert(audit_log), rows)
        await connection.execute(text("ALTER TABLE audit_log ENABLE TRIGGER audit_log_chain"))


async def behind_its_back(database: AsyncEngine, statement: str) -> None:
    """What somebody with the table owner's rights may do: triggers off, and on again."""
    async with database.begin() as connection:
        await connection.execute(text("ALTER TABLE audit_log DISABLE TRIGGER USER"))
        await connection.execute(text(statement))
        await connection.execute(text("ALTER TABLE audit_log ENABLE TRIGGER USER"))


async def logged(database: AsyncEngine) -> list[StoredEntry]:
    """All rows of the log, oldest first."""
    async with database.connect() as connection:
        found = await connection.execute(select(audit_log).order_by(audit_log.c.seq))
        return [StoredEntry(**row._asdict()) for row in found]
