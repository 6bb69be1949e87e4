"""Blocked people; the commits are the caller's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.turns import Person
from bot.store.schema import blocked_people
from runtime.direct import AnyConnection

#: Each bot holds all of them in memory.
MAX_BLOCKED = 10_000

_TABLE = blocked_people.c
_VERSION = select(
    func.count().label("people"), func.max(_TABLE.blocked_at).label("newest_at")
).select_from(blocked_people)
_DIGESTS = select(_TABLE.person).limit(MAX_BLOCKED)


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockedPerson:
    """Somebody whom the bot answers with one sentence."""

    person: str  #: the digest of ``Person.key``
    name: str  #: for operators
    messenger: str
    tenant: str
    sender: str  #: empty: the person was erased
    reason: str
    blocked_by: str
    blocked_at: datetime


async def block(
    connection: AsyncConnection, person: Person, *, name: str, reason: str, by: str
) -> bool | None:
    """Block the person; False: it is blocked already, None: too many people are."""
    counting = select(func.count()).select_from(blocked_people)
    if (await connection.scalar(counting) or 0) >= MAX_BLOCKED:
        return None
    new = insert(blocked_people).values(
        person=person.key,
        name=name,
        messenger=person.messenger,
        tenant=person.tenant,
        sender=person.sender,
        reason=reason,
        blocked_by=by,
    )
    return bool((await connection.execute(new.on_conflict_do_nothing())).rowcount)


async def unblock(connection: AsyncConnection, person: str) -> BlockedPerson | None:
    """Let the bot answer the person with this digest again; None: it was not blocked."""
    statement = delete(blocked_people).where(_TABLE.person == person).returning(blocked_people)
    row = (await connection.execute(statement)).one_or_none()
    return BlockedPerson(**row._asdict()) if row else None


async def find(connection: AsyncConnection, person: str) -> BlockedPerson | None:
    """The block of the person with this digest."""
    statement = select(blocked_people).where(_TABLE.person == person)
    row = (await connection.execute(statement)).one_or_none()
    return BlockedPerson(**row._asdict()) if row else None


async def newest(
    connection: AsyncConnection, after: tuple[datetime, str] | None, *, limit: int
) -> list[BlockedPerson]:
    """The newest blocks below a place: a time and a digest."""
    statement = select(blocked_people)
    if after:
        statement = statement.where(tuple_(_TABLE.blocked_at, _TABLE.person) < after)
    order = (_TABLE.blocked_at.desc(), _TABLE.person.desc())
    found = await connection.execute(statement.order_by(*order).limit(limit))
    return [BlockedPerson(**row._asdict()) for row in found]


async def version(connection: AnyConnection) -> tuple[int, datetime | None]:
    """What differs after each change."""
    row = (await connection.execute(_VERSION)).one()
    return row.people, row.newest_at


async def digests(connection: AnyConnection) -> frozenset[str]:
    """The digests of all blocked people."""
    return frozenset((await connection.execute(_DIGESTS)).scalars())


async def forget(connection: AsyncConnection, person: Person) -> int:
    """Keep the block of an erased person without any personal data; the number of blocks."""
    statement = update(blocked_people).where(_TABLE.person == person.key)
    return (await connection.execute(statement.values(sender="", reason=""))).rowcount
