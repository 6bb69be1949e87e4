"""The turns of a queue: the next one for a reviewer, reservations, the list, the progress."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import BigInteger, Integer, Text, Uuid, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.reviews import Verdict

_BIG = tuple(bindparam(name, type_=BigInteger) for name in ("queue_id", "me"))
_FREE = "(items.holder_id IS NULL OR items.held_until <= now() OR items.holder_id = :me)"
_UNJUDGED = """
    NOT EXISTS (SELECT FROM reviews WHERE turn_id = items.turn_id AND reviewer_id = :me)
"""
_UNTIL = "now() + make_interval(mins => review_queues.reservation_minutes)"

#: The first turn of a part of a queue: each part is a walk along an index, however long the queue.
_RESERVE = f"""
    UPDATE review_items AS items SET holder_id = :me, held_until = {_UNTIL}
    FROM review_queues
    WHERE review_queues.id = items.queue_id AND items.id = (
        SELECT items.id FROM review_items AS items
        JOIN review_queues ON review_queues.id = items.queue_id
        WHERE items.queue_id = :queue_id AND items.missing > 0
          AND review_queues.closed_at IS NULL AND {{part}} AND {_UNJUDGED}
          AND items.turn_id IS DISTINCT FROM :skipped
        ORDER BY items.id
        LIMIT 1
        FOR UPDATE OF items SKIP LOCKED
    )
    RETURNING items.turn_id
"""
#: In this order: what I hold, what is free behind the place, what is free before it.
_PARTS = (
    "items.holder_id = :me AND items.held_until > now()",
    f"items.id > :after AND {_FREE}",
    f"items.id <= :after AND {_FREE}",
)
_RESERVE_NEXT = [
    text(_RESERVE.format(part=part)).bindparams(*_BIG, bindparam("skipped", type_=Uuid))
    for part in _PARTS
]
_RENEW = text(
    f"""
    UPDATE review_items AS items SET holder_id = :me, held_until = {_UNTIL}
    FROM review_queues
    WHERE items.queue_id = :queue_id AND items.turn_id = :turn_id AND {_FREE}
      AND review_queues.id = items.queue_id AND review_queues.closed_at IS NULL
    """
).bindparams(*_BIG, bindparam("turn_id", type_=Uuid))
#: A person writes one review of a queue at a time.
_RELEASE_OTHERS = text(
    """
    UPDATE review_items SET holder_id = NULL, held_until = NULL
    WHERE queue_id = :queue_id AND holder_id = :me AND turn_id IS DISTINCT FROM :turn_id
    """
).bindparams(*_BIG, bindparam("turn_id", type_=Uuid))
_PLACE = text(
    "SELECT id FROM review_items WHERE queue_id = :queue_id AND turn_id = :turn_id"
).bindparams(_BIG[0], bindparam("turn_id", type_=Uuid))
_ITEM = """
    SELECT items.id, items.turn_id, items.received_at, items.missing,
        CASE WHEN items.held_until > now() THEN dashboard_users.name END AS holder,
        CASE WHEN items.held_until > now() THEN items.held_until END AS held_until,
        left(turns.text, 600) AS question, left(turns.answer, 600) AS answer,
        judged_turns.verdict, coalesce(judged_turns.authoritative, false) AS authoritative,
        coalesce(judged_turns.disputed, false) AS disputed,
        judged_turns.correction IS NOT NULL AS corrected,
        coalesce(judged_turns.reviews, 0) AS reviews
    FROM review_items AS items
    JOIN turns ON turns.id = items.turn_id
    LEFT JOIN dashboard_users ON dashboard_users.id = items.holder_id
    LEFT JOIN judged_turns ON judged_turns.turn_id = items.turn_id
"""
_LIST = text(
    f"""
    {_ITEM} WHERE items.queue_id = :queue_id AND items.id > :after AND CASE :part
        WHEN 'open' THEN items.missing > 0
        WHEN 'done' THEN items.missing = 0
        WHEN 'disputed' THEN judged_turns.disputed
        ELSE true
    END ORDER BY items.id LIMIT :n
    """
).bindparams(
    _BIG[0],
    bindparam("after", type_=BigInteger),
    bindparam("part", type_=Text),
    bindparam("n", type_=Integer),
)
_FIND = text(f"{_ITEM} WHERE items.queue_id = :queue_id AND items.turn_id = :turn_id").bindparams(
    _BIG[0], bindparam("turn_id", type_=Uuid)
)
_NEIGHBOURS = text(
    """
    SELECT (SELECT turn_id FROM review_items WHERE queue_id = :queue_id AND id < :id
            ORDER BY id DESC LIMIT 1) AS previous,
        (SELECT turn_id FROM review_items WHERE queue_id = :queue_id AND id > :id
            ORDER BY id LIMIT 1) AS next,
        (SELECT count(*) FROM review_items WHERE queue_id = :queue_id AND id <= :id) AS place
    """
).bindparams(_BIG[0], bindparam("id", type_=BigInteger))
_PROGRESS = text(
    """
    SELECT dashboard_users.name, judged, declined, newest FROM (
        SELECT reviewer_id, count(*) FILTER (WHERE NOT declined) AS judged,
            count(*) FILTER (WHERE declined) AS declined, max(reviews.updated_at) AS newest
        FROM review_items JOIN reviews ON reviews.turn_id = review_items.turn_id
        WHERE review_items.queue_id = :queue_id
        GROUP BY reviewer_id
    ) AS counted
    JOIN dashboard_users ON dashboard_users.id = reviewer_id
    ORDER BY judged DESC, name LIMIT 50
    """
).bindparams(_BIG[0])


class ItemPart(StrEnum):
    """Which turns of a queue are listed."""

    ALL = "all"
    OPEN = "open"
    DONE = "done"
    DISPUTED = "disputed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A turn of a queue."""

    id: int
    turn_id: UUID
    received_at: datetime
    missing: int
    holder: str | None  #: the name of who is reviewing it now
    held_until: datetime | None
    question: str  #: its beginning, unmasked
    answer: str | None  #: its beginning, unmasked
    verdict: Verdict | None  #: the counting one
    authoritative: bool
    disputed: bool
    corrected: bool
    reviews: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbours:
    """The turns beside one of a queue, and its place, from 1."""

    previous: UUID | None
    next: UUID | None
    place: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewerProgress:
    """What a reviewer has done of a queue."""

    name: str
    judged: int
    declined: int
    newest: datetime


async def reserve_next(
    connection: AsyncConnection, queue_id: int, reviewer_id: int, *, behind: UUID | None = None
) -> UUID | None:
    """Reserve the next open turn of a queue that the reviewer has not judged; None: none is left.

    ``behind``: the turn that the reviewer leaves, which comes last. Whatever else the reviewer
    holds of the queue is free again.
    """
    me = {"queue_id": queue_id, "me": reviewer_id}
    after = 0
    if behind is not None:
        after = int(await connection.scalar(_PLACE, {"queue_id": queue_id, "turn_id": behind}) or 0)
    values = me | {"after": after, "skipped": behind}
    found: UUID | None = None
    for part in _RESERVE_NEXT:
        if found is None:
            found = await connection.scalar(part, values)
    await connection.execute(_RELEASE_OTHERS, me | {"turn_id": found})
    return found


async def renew(
    connection: AsyncConnection, queue_id: int, reviewer_id: int, turn_id: UUID
) -> bool:
    """Reserve a turn, or prolong it; False: somebody else holds it, or the queue is closed."""
    values = {"queue_id": queue_id, "me": reviewer_id, "turn_id": turn_id}
    return bool((await connection.execute(_RENEW, values)).rowcount)


async def list_items(
    connection: AsyncConnection, queue_id: int, part: ItemPart, *, after: int, limit: int
) -> list[Item]:
    """Turns of a queue behind an item's id, in the order of their review."""
    values = {"queue_id": queue_id, "after": after, "part": part.value, "n": limit}
    return [_item(row._asdict()) for row in await connection.execute(_LIST, values)]


async def find_item(connection: AsyncConnection, queue_id: int, turn_id: UUID) -> Item | None:
    """A turn of a queue."""
    values = {"queue_id": queue_id, "turn_id": turn_id}
    row = (await connection.execute(_FIND, values)).one_or_none()
    return _item(row._asdict()) if row else None


async def neighbours(connection: AsyncConnection, queue_id: int, item: Item) -> Neighbours:
    """The turns beside an item."""
    row = (await connection.execute(_NEIGHBOURS, {"queue_id": queue_id, "id": item.id})).one()
    return Neighbours(**row._asdict())


async def progress(connection: AsyncConnection, queue_id: int) -> list[ReviewerProgress]:
    """Who has judged how many turns of a queue, the busiest first."""
    rows = await connection.execute(_PROGRESS, {"queue_id": queue_id})
    return [ReviewerProgress(**row._asdict()) for row in rows]


def _item(fields: dict[str, object]) -> Item:
    verdict = Verdict(str(fields["verdict"])) if fields["verdict"] else None
    return Item(**fields | {"verdict": verdict})  # type: ignore[arg-type]  # the columns of _ITEM
