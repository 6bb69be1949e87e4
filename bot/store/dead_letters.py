"""Dead letters: answers whose delivery failed or was never confirmed, newest first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, Integer, Text, Uuid, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

#: Of each question: more than is shown, so that no number is cut before masking.
EXCERPT_CHARS = 600
#: They are counted up to this number.
MAX_COUNTED = 10_000

#: The words of the partial index (ix_deliveries_dead); ``:messenger`` and ``:state``: "" for all.
DEAD = """
    deliveries.state IN ('failed', 'unconfirmed')
    AND (:messenger = '' OR deliveries.messenger = :messenger)
    AND (:state = '' OR deliveries.state = :state)
"""
_LIST = text(
    f"""
    SELECT deliveries.turn_id, turns.conversation_id, turns.seq, turns.messenger, turns.tenant,
        turns.sender, left(turns.text, {EXCERPT_CHARS}) AS text, turns.received_at,
        deliveries.state, deliveries.detail, deliveries.attempts, deliveries.updated_at,
        deliveries.expires_at > now() AS sendable
    FROM deliveries JOIN turns ON turns.id = deliveries.turn_id
    WHERE {DEAD} AND (
        :id IS NULL OR (deliveries.updated_at, deliveries.turn_id) < (:updated_at, :id)
    )
    ORDER BY deliveries.updated_at DESC, deliveries.turn_id DESC LIMIT :limit
    """
).bindparams(
    *(bindparam(name, type_=Text) for name in ("messenger", "state")),
    bindparam("id", type_=Uuid),
    bindparam("updated_at", type_=DateTime(timezone=True)),
    bindparam("limit", type_=Integer),
)
_COUNT = text(
    f"""
    SELECT count(*) AS all, count(*) FILTER (WHERE sendable) AS sendable FROM (
        SELECT expires_at > now() AS sendable FROM deliveries WHERE {DEAD} LIMIT {MAX_COUNTED}
    ) AS dead
    """
).bindparams(*(bindparam(name, type_=Text) for name in ("messenger", "state")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which dead letters are meant; empty: all."""

    messenger: str = ""
    state: str = ""

    def values(self) -> dict[str, str]:
        """The parameters of the statements."""
        return {"messenger": self.messenger, "state": self.state}


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """An undelivered answer, with the beginning of its question."""

    turn_id: UUID
    conversation_id: int
    seq: int
    messenger: str
    tenant: str
    sender: str
    text: str
    received_at: datetime
    state: str
    detail: str  #: the messenger's own words
    attempts: int
    updated_at: datetime
    sendable: bool  #: the end of its life has not come yet


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """How many there are; ``MAX_COUNTED`` stands for that many or more."""

    all: int
    sendable: int


async def list_dead_letters(
    connection: AsyncConnection,
    choice: Choice,
    *,
    before: tuple[datetime, UUID] | None,
    limit: int,
) -> Sequence[DeadLetter]:
    """The newest dead letters below a place, at most ``limit``."""
    updated_at, turn_id = before or (None, None)
    values = choice.values() | {"updated_at": updated_at, "id": turn_id, "limit": limit}
    rows = await connection.execute(_LIST, values)
    return [DeadLetter(**row._asdict()) for row in rows]


async def count_dead_letters(connection: AsyncConnection, choice: Choice) -> Count:
    """How many there are of the choice."""
    row = (await connection.execute(_COUNT, choice.values())).one()
    return Count(all=row.all, sendable=row.sendable)
