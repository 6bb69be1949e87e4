"""Review queues: made, listed, filled and closed. The commits are the caller's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, Row, Uuid, bindparam, func, insert, text, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.reviews import MAX_ITEMS, Sampling, Strata
from bot.store.one_at_a_time import one_at_a_time
from bot.store.schema import review_queues

#: Open at a time: each that fills itself costs a look every few seconds.
MAX_OPEN = 100
#: Items of one statement.
_CHUNK = 1000

_QUEUES = """
    SELECT review_queues.id, review_queues.name, query, sampling, strata, sample_size, seed,
        reviewers_per_turn, reservation_minutes, fills_itself, filled_until, scanned, fault,
        review_queues.created_at, closed_at, dashboard_users.name AS created_by
    FROM review_queues JOIN dashboard_users ON dashboard_users.id = review_queues.created_by
"""
#: Each count reads one index alone.
_COUNTED = f"""
    SELECT queues.*, counted.* FROM ({_QUEUES} {{where}}) AS queues, LATERAL (
        SELECT turns, turns - open AS done FROM (
            SELECT (SELECT count(*) FROM review_items WHERE queue_id = queues.id) AS turns,
                (SELECT count(*) FROM review_items WHERE queue_id = queues.id AND missing > 0)
                    AS open
        ) AS counts
    ) AS counted ORDER BY queues.id DESC
"""
_LIST = text(
    _COUNTED.format(
        where="WHERE review_queues.id < :before ORDER BY review_queues.id DESC LIMIT :n"
    )
).bindparams(bindparam("before", type_=BigInteger), bindparam("n", type_=BigInteger))
_FIND = text(_COUNTED.format(where="WHERE review_queues.id = :id")).bindparams(
    bindparam("id", type_=BigInteger)
)
#: Those that have never been filled first.
_OPEN = text(
    f"""
    {_QUEUES} WHERE closed_at IS NULL AND (fills_itself OR filled_until IS NULL)
    ORDER BY filled_until IS NOT NULL, filled_until, review_queues.id LIMIT {MAX_OPEN}
    """
)
_COUNT_OPEN = text("SELECT count(*) FROM review_queues WHERE closed_at IS NULL")
_ROOM = text(f"SELECT {MAX_ITEMS} - count(*) FROM review_items WHERE queue_id = :id").bindparams(
    bindparam("id", type_=BigInteger)
)
#: In the order of the array. A turn that is being erased is left out, without a wait for it; what
#: is judged already needs fewer reviews, or none.
_ADD = text(
    """
    INSERT INTO review_items (queue_id, turn_id, received_at, missing)
    SELECT review_queues.id, turns.id, turns.received_at, CASE
            WHEN EXISTS (SELECT FROM review_verdicts WHERE turn_id = turns.id) THEN 0
            ELSE greatest(0, review_queues.reviewers_per_turn - (
                SELECT count(*) FROM reviews WHERE turn_id = turns.id AND NOT declined
            ))
        END
    FROM unnest(:turn_ids) WITH ORDINALITY AS chosen (turn_id, place)
    JOIN turns ON turns.id = chosen.turn_id
    JOIN review_queues ON review_queues.id = :queue_id
    ORDER BY chosen.place
    FOR KEY SHARE OF turns SKIP LOCKED
    ON CONFLICT (queue_id, turn_id) DO NOTHING
    """
).bindparams(bindparam("turn_ids", type_=ARRAY(Uuid)), bindparam("queue_id", type_=BigInteger))
_OPEN_AGAIN = text(
    "UPDATE review_queues SET closed_at = NULL WHERE id = :id AND closed_at IS NOT NULL"
).bindparams(bindparam("id", type_=BigInteger))
_CLOSE = text(
    "UPDATE review_queues SET closed_at = now() WHERE id = :id AND closed_at IS NULL"
).bindparams(bindparam("id", type_=BigInteger))
#: Nobody can judge in it: whoever has reserved a turn of it is free for another queue.
_RELEASE_ALL = text(
    """
    UPDATE review_items SET holder_id = NULL, held_until = NULL
    WHERE queue_id = :id AND holder_id IS NOT NULL
    """
).bindparams(bindparam("id", type_=BigInteger))
_LOCK_ONE = text("SELECT id FROM review_queues WHERE id = :id FOR UPDATE").bindparams(
    bindparam("id", type_=BigInteger)
)
_HOLD_OPEN = text(
    "SELECT id FROM review_queues WHERE id = :id AND closed_at IS NULL FOR NO KEY UPDATE"
).bindparams(bindparam("id", type_=BigInteger))
_IS_JUDGED = text("SELECT EXISTS (SELECT FROM reviews WHERE queue_id = :id)").bindparams(
    bindparam("id", type_=BigInteger)
)
_DELETE = text("DELETE FROM review_queues WHERE id = :id AND closed_at IS NOT NULL").bindparams(
    bindparam("id", type_=BigInteger)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewQueue:
    """What an operator asks for."""

    name: str
    query: str  #: the text of the search box
    sampling: Sampling
    strata: Strata | None
    sample_size: int | None  #: None: all
    seed: int
    reviewers_per_turn: int
    reservation_minutes: int
    fills_itself: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue(NewQueue):
    """A queue."""

    id: int
    filled_until: datetime | None  #: None: it has not been filled yet
    scanned: int  #: turns that the filling has looked at
    fault: str  #: the name of what ended the last filling early
    created_at: datetime
    closed_at: datetime | None
    created_by: str
    turns: int = 0
    done: int = 0  #: turns that need no further review


async def create(connection: AsyncConnection, queue: NewQueue, author_id: int) -> int | None:
    """Make a queue; its id. None: there are too many open ones."""
    if not await _has_room(connection):
        return None
    values = {name: getattr(queue, name) for name in NewQueue.__slots__}
    new = insert(review_queues).values(**values, created_by=author_id)
    found: int | None = await connection.scalar(new.returning(review_queues.c.id))
    return found


async def list_queues(connection: AsyncConnection, *, before: int, limit: int) -> list[Queue]:
    """Queues with an id below, newest first, with their counts."""
    rows = await connection.execute(_LIST, {"before": before, "n": limit})
    return [_read(row) for row in rows]


async def find(connection: AsyncConnection, queue_id: int) -> Queue | None:
    """A queue with its counts."""
    row = (await connection.execute(_FIND, {"id": queue_id})).one_or_none()
    return _read(row) if row else None


async def to_fill(connection: AsyncConnection) -> list[Queue]:
    """Open queues that are to be filled once, or fill themselves; those never filled first."""
    return [_read(row) for row in await connection.execute(_OPEN)]


async def hold_open(connection: AsyncConnection, queue_id: int) -> bool:
    """Let a closing wait until the transaction ends; False: the queue is closed, or deleted."""
    return await connection.scalar(_HOLD_OPEN, {"id": queue_id}) is not None


async def room(connection: AsyncConnection, queue_id: int) -> int:
    """How many turns the queue still takes."""
    return max(int(await connection.scalar(_ROOM, {"id": queue_id}) or 0), 0)


async def add_turns(connection: AsyncConnection, queue_id: int, turn_ids: Sequence[UUID]) -> int:
    """Append turns in this order; how many were not in the queue yet, and still exist."""
    added = 0
    for start in range(0, len(turn_ids), _CHUNK):
        values = {"queue_id": queue_id, "turn_ids": list(turn_ids[start : start + _CHUNK])}
        added += (await connection.execute(_ADD, values)).rowcount
    return added


async def mark_scanned(connection: AsyncConnection, queue_id: int, scanned: int) -> None:
    """So many turns have been looked at by now."""
    changed = update(review_queues).where(review_queues.c.id == queue_id)
    await connection.execute(changed.values(scanned=scanned))


async def mark_filled(
    connection: AsyncConnection, queue_id: int, until: datetime, scanned: int
) -> None:
    """Turns up to that moment have been considered: so many in all."""
    filled_until = bindparam(None, until, DateTime(timezone=True))
    changed = update(review_queues).where(review_queues.c.id == queue_id)
    await connection.execute(changed.values(filled_until=filled_until, scanned=scanned, fault=""))


async def mark_fault(connection: AsyncConnection, queue_id: int, fault: str) -> None:
    """A filling has ended early. It is tried again."""
    changed = update(review_queues).where(review_queues.c.id == queue_id)
    await connection.execute(changed.values(fault=func.left(fault, 100)))


async def close(connection: AsyncConnection, queue_id: int) -> bool:
    """Fill and judge a queue no more, and free what is reserved; False: it is closed already."""
    if not (await connection.execute(_CLOSE, {"id": queue_id})).rowcount:
        return False
    await connection.execute(_RELEASE_ALL, {"id": queue_id})
    return True


async def is_judged(connection: AsyncConnection, queue_id: int) -> bool:
    """Whether a review was written in the queue: figures count it, and the queue stays."""
    return bool(await connection.scalar(_IS_JUDGED, {"id": queue_id}))


async def open_again(connection: AsyncConnection, queue_id: int) -> bool | None:
    """Open a closed queue; False: it is open already. None: there are too many open ones."""
    if not await _has_room(connection):
        return None
    return bool((await connection.execute(_OPEN_AGAIN, {"id": queue_id})).rowcount)


async def remove(connection: AsyncConnection, queue_id: int) -> bool:
    """Delete a closed queue with its items; False: it is open, or was judged in.

    The row is locked before it is looked at: a review that is being written is waited for.
    """
    await connection.execute(_LOCK_ONE, {"id": queue_id})
    if await is_judged(connection, queue_id):
        return False
    return bool((await connection.execute(_DELETE, {"id": queue_id})).rowcount)


async def _has_room(connection: AsyncConnection) -> bool:
    """Every way into the open queues comes through here, one at a time."""
    await one_at_a_time(connection, "review_queues")
    return (await connection.scalar(_COUNT_OPEN) or 0) < MAX_OPEN


def _read(row: Row[Any]) -> Queue:
    kinds = {
        "sampling": Sampling(row.sampling),
        "strata": Strata(row.strata) if row.strata else None,
    }
    return Queue(**row._asdict() | kinds)
