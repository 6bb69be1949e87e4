"""The turns of the last moments, for the live tail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Float, Integer, Text, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

#: Of each text: more than is shown, so that no number is cut before masking.
EXCERPT_CHARS = 600

_COLUMNS = f"""
    id, conversation_id, seq, messenger, tenant, sender, left(text, {EXCERPT_CHARS}) AS text,
    left(answer, {EXCERPT_CHARS}) AS answer, status, failure_reason, received_at, settled_at
"""
#: Both halves walk an index backwards, and read no more than they show.
_CHANGED = text(
    f"""
    SELECT {_COLUMNS} FROM turns WHERE id IN (
        (SELECT id FROM turns WHERE received_at >= now() - make_interval(secs => :within_s)
         ORDER BY received_at DESC LIMIT :limit)
        UNION
        (SELECT id FROM turns WHERE settled_at >= now() - make_interval(secs => :within_s)
         ORDER BY settled_at DESC LIMIT :limit)
    )
    ORDER BY received_at, id
    """
).bindparams(bindparam("within_s", type_=Float), bindparam("limit", type_=Integer))
_NEWEST = text(
    f"""
    SELECT {_COLUMNS} FROM turns WHERE (:messenger = '' OR messenger = :messenger)
    ORDER BY received_at DESC, id DESC LIMIT :limit
    """
).bindparams(bindparam("messenger", type_=Text), bindparam("limit", type_=Integer))


@dataclass(frozen=True, slots=True, kw_only=True)
class LatestTurn:
    """A turn as the live tail needs it; of its texts only the beginnings."""

    id: UUID
    conversation_id: int
    seq: int
    messenger: str
    tenant: str
    sender: str
    text: str
    answer: str | None
    status: str
    failure_reason: str | None
    received_at: datetime
    settled_at: datetime | None


async def changed_turns(
    connection: AsyncConnection, *, within_s: float, limit: int
) -> Sequence[LatestTurn]:
    """The turns received or ended in the last ``within_s`` seconds, oldest first.

    At most ``limit`` of either; more come only faster than anybody reads.
    """
    rows = await connection.execute(_CHANGED, {"within_s": within_s, "limit": limit})
    return [LatestTurn(**row._asdict()) for row in rows]


async def newest_turns(
    connection: AsyncConnection, *, messenger: str, limit: int
) -> Sequence[LatestTurn]:
    """The newest turns, newest first; ``messenger``: "" for all of them."""
    rows = await connection.execute(_NEWEST, {"messenger": messenger, "limit": limit})
    return [LatestTurn(**row._asdict()) for row in rows]
