"""Operators' sessions that ended before their cookies did, shared by all bots."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import bindparam, select, text
from sqlalchemy.dialects.postgresql import ARRAY, TIMESTAMP
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import Text

from bot.store.schema import ended_sessions

#: One row per logout, and gone with the first logout after its time.
_ADD = text(
    """
    WITH outlived AS (DELETE FROM ended_sessions WHERE until <= :now AND id <> ALL(:ids))
    INSERT INTO ended_sessions (id, until) SELECT unnest(:ids), :until
    ON CONFLICT (id) DO NOTHING
    """
).bindparams(
    bindparam("ids", type_=ARRAY(Text)),
    bindparam("now", type_=TIMESTAMP(timezone=True)),
    bindparam("until", type_=TIMESTAMP(timezone=True)),
)
_FIND = select(ended_sessions.c.until).where(ended_sessions.c.id == bindparam("id"))


async def add(
    connection: AsyncConnection, ids: Iterable[str], *, now: datetime, until: datetime
) -> None:
    """End these sessions, whose cookies are worthless after ``until``; the commit is the caller's.

    Both times are aware, by the clock that judges the cookies.
    """
    await connection.execute(_ADD, {"ids": list(ids), "now": now, "until": until})


async def contains(connection: AsyncConnection, session_id: str) -> bool:
    """Whether the session has ended."""
    return (await connection.execute(_FIND, {"id": session_id})).first() is not None
