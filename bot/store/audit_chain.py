"""The hash chain of the audit log, computed once more to find what was changed behind its back.

Each row's hash covers the row and the hash before it. The database makes it (migration 0014).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.audit import AuditAction
from bot.store.schema import audit_log

#: Rows of one statement.
_BATCH = 5000
_START = bytes(32)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEntry:
    """A row of the log."""

    seq: int
    at: datetime
    actor: str
    action: str
    object: str
    details: str  #: a JSON object
    reason: str
    address: str
    previous_hash: bytes
    hash: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainCheck:
    """What a check has found."""

    rows: int  #: that fit together
    newest: int = 0  #: the number of the last of them
    newest_hash: str = ""  #: hex; noted elsewhere, it shows a chain that was made anew
    broken_at: int | None = None  #: the first row that does not fit; None: all do
    cause: str = ""


def chained_hash(entry: StoredEntry) -> bytes:
    """The hash that the row must have: each field with its length in front of it."""
    micros = (entry.at - _EPOCH) // timedelta(microseconds=1)
    words = (entry.actor, entry.action, entry.object, entry.details, entry.reason, entry.address)
    fields = (field.encode() for field in (str(entry.seq), str(micros), *words))
    return sha256(
        entry.previous_hash + b"".join(b"%d:%b," % (len(field), field) for field in fields)
    ).digest()


async def check_chain(connection: AsyncConnection) -> ChainCheck:
    """Check all rows from the first that is kept. Reads ``_BATCH`` rows at a time."""
    seq, link = await _begin(connection)
    counted = 0
    while rows := await _after(connection, seq):
        for entry in rows:
            if cause := _fault(entry, seq, link):
                return ChainCheck(
                    rows=counted,
                    newest=seq,
                    newest_hash=link.hex(),
                    broken_at=entry.seq,
                    cause=cause,
                )
            seq, link, counted = entry.seq, entry.hash, counted + 1
    return ChainCheck(rows=counted, newest=seq, newest_hash=link.hex())


def _fault(entry: StoredEntry, before: int, link: bytes) -> str:
    """Why the row does not follow the row ``before``, whose hash is ``link``; empty: it does."""
    if entry.seq != before + 1:
        return f"the rows from {before + 1} to {entry.seq - 1} are gone"
    if entry.previous_hash != link:
        return "the row before it is another one"
    return "" if chained_hash(entry) == entry.hash else "it was changed"


async def _after(connection: AsyncConnection, seq: int) -> list[StoredEntry]:
    statement = (
        select(audit_log).where(audit_log.c.seq > seq).order_by(audit_log.c.seq).limit(_BATCH)
    )
    return [StoredEntry(**row._asdict()) for row in await connection.execute(statement)]


async def _begin(connection: AsyncConnection) -> tuple[int, bytes]:
    """The number and hash of the row before the first: of the last that was trimmed, or none."""
    first = await connection.scalar(select(func.min(audit_log.c.seq)))
    anchor = await connection.scalar(
        select(audit_log.c.details)
        .where(audit_log.c.action == AuditAction.AUDIT_TRIMMED.value)
        .order_by(audit_log.c.seq.desc())
        .limit(1)
    )
    if first == 1 or anchor is None:
        return 0, _START
    try:
        read = json.loads(anchor)
        return int(read["through"]), bytes.fromhex(read["hash"])
    except (ValueError, KeyError, TypeError):
        return 0, _START
