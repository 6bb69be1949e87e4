"""People who want to be in no data set, by the digest of their key. Commits are the caller's."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.store.schema import training_opt_outs

_TABLE = training_opt_outs.c


@dataclass(frozen=True, slots=True, kw_only=True)
class OptOut:
    """A person who is left out of training."""

    person: str
    pseudonym: str
    author: str
    reason: str
    created_at: datetime


async def record(
    connection: AsyncConnection, *, person: str, pseudonym: str, author: str, reason: str
) -> bool:
    """Leave the person out from now on; False: that was so before."""
    new = insert(training_opt_outs).values(
        person=person, pseudonym=pseudonym, author=author, reason=reason
    )
    return bool((await connection.execute(new.on_conflict_do_nothing())).rowcount)


async def revoke(connection: AsyncConnection, person: str) -> bool:
    """The person may be in data sets again; False: that was so before."""
    found = await connection.execute(delete(training_opt_outs).where(_TABLE.person == person))
    return bool(found.rowcount)


async def among(connection: AsyncConnection, people: Collection[str]) -> set[str]:
    """Those of the people who are left out."""
    statement = select(_TABLE.person).where(_TABLE.person.in_(list(people)))
    return set((await connection.execute(statement)).scalars()) if people else set()


async def newest(
    connection: AsyncConnection, *, before: tuple[datetime, str] | None, limit: int
) -> list[OptOut]:
    """The newest opt-outs below a place."""
    place = (_TABLE.created_at, _TABLE.person)
    statement = select(training_opt_outs).order_by(*(one.desc() for one in place)).limit(limit)
    if before is not None:
        statement = statement.where(tuple_(*place) < before)
    return [OptOut(**row._asdict()) for row in await connection.execute(statement)]
