"""Erasures that admins have ordered, and the receipts of all that were carried out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Text, Uuid, bindparam, insert, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.turns import Person
from bot.store.schema import erasure_orders, erasures

#: A bot that is not heard of for so long has died.
LEASE_S = 120

_TAKE = text(
    f"""
    UPDATE erasure_orders SET taken_until = now() + interval '{LEASE_S} seconds'
    WHERE id = (
        SELECT id FROM erasure_orders
        WHERE finished_at IS NULL AND coalesce(taken_until, now()) <= now()
        ORDER BY ordered_at LIMIT 1 FOR UPDATE SKIP LOCKED
    )
    RETURNING id, messenger, tenant, sender, person, name, actor, ordered_at, counts,
        finished_at, receipt
    """
)
_NOTE = text(
    f"""
    UPDATE erasure_orders
    SET counts = :counts, taken_until = now() + interval '{LEASE_S} seconds'
    WHERE id = :id AND finished_at IS NULL
    """
).bindparams(bindparam("id", type_=Uuid), bindparam("counts", type_=JSONB))
_FINISH = text(
    """
    UPDATE erasure_orders SET finished_at = now(), receipt = :receipt, counts = :counts, sender = ''
    WHERE id = :id AND finished_at IS NULL
    """
).bindparams(
    bindparam("id", type_=Uuid),
    bindparam("receipt", type_=Uuid),
    bindparam("counts", type_=JSONB),
)
_OPEN_ORDER = text(
    "SELECT id FROM erasure_orders WHERE person = :person AND finished_at IS NULL FOR UPDATE"
).bindparams(bindparam("person", type_=Text))


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureOrder:
    """An erasure that an admin has ordered."""

    id: UUID
    messenger: str
    tenant: str
    sender: str  #: empty once it is finished
    person: str  #: the digest of ``Person.key``
    name: str  #: for operators
    actor: str
    ordered_at: datetime
    counts: Mapping[str, int]  #: deleted so far
    finished_at: datetime | None
    receipt: UUID | None

    @property
    def target(self) -> Person:
        """Who is to be erased."""
        return Person(messenger=self.messenger, tenant=self.tenant, sender=self.sender)


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What an erasure deleted, without whose it was."""

    id: UUID
    messenger: str
    tenant: str
    person: str  #: the digest of ``Person.key``
    counts: Mapping[str, int]
    erased_at: datetime
    actor: str  #: empty: the person


async def order(connection: AsyncConnection, person: Person, *, name: str, actor: str) -> UUID:
    """Order an erasure; the id of the order, or of the one that waits already."""
    waiting = await connection.scalar(_OPEN_ORDER, {"person": person.key})
    if waiting:
        return UUID(str(waiting))
    order_id = uuid4()
    await connection.execute(
        insert(erasure_orders).values(
            id=order_id,
            messenger=person.messenger,
            tenant=person.tenant,
            sender=person.sender,
            person=person.key,
            name=name,
            actor=actor,
        )
    )
    return order_id


async def take(connection: AsyncConnection) -> ErasureOrder | None:
    """Take the oldest order that nobody carries out; None: there is none."""
    row = (await connection.execute(_TAKE)).one_or_none()
    return ErasureOrder(**row._asdict()) if row else None


async def note(connection: AsyncConnection, order_id: UUID, counts: Mapping[str, int]) -> None:
    """Store what is deleted so far, and go on for another ``LEASE_S``."""
    await connection.execute(_NOTE, {"id": order_id, "counts": dict(counts)})


async def leave(connection: AsyncConnection, order_id: UUID) -> None:
    """Leave an order to whichever bot looks next."""
    mine = update(erasure_orders).where(erasure_orders.c.id == order_id)
    await connection.execute(mine.values(taken_until=None))


async def finish(
    connection: AsyncConnection, order_id: UUID, receipt: UUID, counts: Mapping[str, int]
) -> None:
    """End the order, which forgets its person's name."""
    values: dict[str, Any] = {"id": order_id, "receipt": receipt, "counts": dict(counts)}
    await connection.execute(_FINISH, values)


async def open_orders(connection: AsyncConnection, *, limit: int) -> list[ErasureOrder]:
    """The orders that go on or wait, oldest first."""
    return await _orders(
        connection, erasure_orders.c.finished_at.is_(None), erasure_orders.c.ordered_at, limit
    )


async def orders_of(
    connection: AsyncConnection, person: Person, *, limit: int
) -> list[ErasureOrder]:
    """The person's newest orders."""
    newest = erasure_orders.c.ordered_at.desc()
    return await _orders(connection, erasure_orders.c.person == person.key, newest, limit)


async def receipts(
    connection: AsyncConnection, after: tuple[datetime, UUID] | None, *, limit: int
) -> list[Receipt]:
    """The newest receipts below a place: a time and an id."""
    place = (erasures.c.erased_at, erasures.c.id)
    statement = select(erasures).order_by(*(column.desc() for column in place)).limit(limit)
    if after:
        statement = statement.where(tuple_(*place) < after)
    return [Receipt(**row._asdict()) for row in await connection.execute(statement)]


async def find_receipt(connection: AsyncConnection, receipt_id: UUID) -> Receipt | None:
    """One receipt."""
    statement = select(erasures).where(erasures.c.id == receipt_id)
    row = (await connection.execute(statement)).one_or_none()
    return Receipt(**row._asdict()) if row else None


async def _orders(
    connection: AsyncConnection, condition: Any, order_by: Any, limit: int
) -> list[ErasureOrder]:
    columns = [column for column in erasure_orders.c if column.name != "taken_until"]
    statement = select(*columns).where(condition).order_by(order_by).limit(limit)
    return [ErasureOrder(**row._asdict()) for row in await connection.execute(statement)]
