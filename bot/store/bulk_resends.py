"""Orders to send many dead letters again, carried out in small batches.

An order means the dead letters of its own time: what is reopened and dies again is younger than the
order, so none is sent twice, and after a restart the rest is found by the same condition.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BigInteger, Integer, Text, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.store.dead_letters import MAX_COUNTED, Choice

_MEANT = """
    deliveries.state IN ('failed', 'unconfirmed') AND deliveries.expires_at > now()
    AND deliveries.updated_at <= bulk_resends.created_at
    AND bulk_resends.messenger IN ('', deliveries.messenger)
    AND bulk_resends.state IN ('', deliveries.state)
"""
_ORDER = text(
    """
    INSERT INTO bulk_resends (messenger, state, author) VALUES (:messenger, :state, :author)
    RETURNING id
    """
).bindparams(*(bindparam(name, type_=Text) for name in ("messenger", "state", "author")))
_STOP = text(
    "UPDATE bulk_resends SET ended_at = now(), stopped = true WHERE id = :id AND ended_at IS NULL"
).bindparams(bindparam("id", type_=BigInteger))
#: One bot carries out an order; each dead letter as ``deliveries.send_again`` does.
_SEND_SOME = text(
    f"""
    WITH taken AS (
        SELECT id FROM bulk_resends WHERE ended_at IS NULL ORDER BY id LIMIT 1
        FOR UPDATE SKIP LOCKED
    ), chosen AS (
        SELECT deliveries.turn_id FROM deliveries, bulk_resends
        WHERE bulk_resends.id = (SELECT id FROM taken) AND {_MEANT}
        ORDER BY deliveries.updated_at, deliveries.turn_id LIMIT :batch
        FOR UPDATE OF deliveries
    ), again AS (
        UPDATE deliveries SET state = CASE WHEN via = 'post' THEN 'pending' ELSE 'held' END,
            not_before = now(), attempts = 0, updated_at = now()
        WHERE turn_id IN (SELECT turn_id FROM chosen)
        RETURNING turn_id
    )
    UPDATE bulk_resends SET sent = sent + (SELECT count(*) FROM again),
        ended_at = CASE WHEN (SELECT count(*) FROM again) < :batch THEN now() END
    WHERE id = (SELECT id FROM taken)
    RETURNING id, (SELECT count(*) FROM again) AS sent, ended_at IS NULL AS more
    """
).bindparams(bindparam("batch", type_=Integer))
_NEWEST = text(
    f"""
    SELECT bulk_resends.*, CASE WHEN ended_at IS NULL THEN (
        SELECT count(*) FROM (
            SELECT FROM deliveries WHERE {_MEANT} LIMIT {MAX_COUNTED}
        ) AS meant
    ) ELSE 0 END AS left
    FROM bulk_resends ORDER BY id DESC LIMIT :limit
    """
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkResend:
    """An order and how far it is."""

    id: int
    choice: Choice
    author: str
    sent: int
    left: int  #: those that it still means
    created_at: datetime
    ended_at: datetime | None  #: None: it runs
    stopped: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What one step of an order did."""

    id: int
    sent: int
    more: bool


async def order(connection: AsyncConnection, choice: Choice, *, author: str) -> int:
    """Order the dead letters of the choice to be sent again; the order's id."""
    return int(await connection.scalar(_ORDER, choice.values() | {"author": author}))


async def stop(connection: AsyncConnection, order_id: int) -> bool:
    """End an order early; False: it has ended, or there is none."""
    return bool((await connection.execute(_STOP, {"id": order_id})).rowcount)


async def send_some(connection: AsyncConnection, *, batch: int) -> Batch | None:
    """Reopen the next dead letters of the oldest order; None: none runs, or another bot does it.

    The commit is the caller's.
    """
    row = (await connection.execute(_SEND_SOME, {"batch": batch})).one_or_none()
    return Batch(id=row.id, sent=row.sent, more=row.more) if row else None


async def newest(connection: AsyncConnection, *, limit: int) -> Sequence[BulkResend]:
    """The newest orders, newest first."""
    return [
        BulkResend(
            id=row.id,
            choice=Choice(messenger=row.messenger, state=row.state),
            author=row.author,
            sent=row.sent,
            left=row.left,
            created_at=row.created_at,
            ended_at=row.ended_at,
            stopped=row.stopped,
        )
        for row in await connection.execute(_NEWEST, {"limit": limit})
    ]
