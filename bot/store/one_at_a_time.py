"""What counts and then adds, by one transaction at a time: bounds hold for forms sent at once."""

from __future__ import annotations

from sqlalchemy import Text, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('open:' || :what, 0))").bindparams(
    bindparam("what", type_=Text)
)


async def one_at_a_time(connection: AsyncConnection, what: str) -> None:
    """Let the others that count and add the same wait until this transaction ends.

    A statement behind it sees what they have committed, as long as the transaction's isolation is
    READ COMMITTED.
    """
    await connection.execute(_LOCK, {"what": what})
