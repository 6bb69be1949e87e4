"""The answers of an evaluation, question by question. The commits are the caller's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.turns import Person
from bot.store.schema import dataset_items, evaluation_pairs, turns

#: Of an INSERT: Postgres takes 65,535 values.
_BATCH = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluatedPair:
    """A question with both answers, masked; of a run the candidate's alone."""

    position: int
    turn_id: UUID | None
    category: str
    question: str
    baseline: str
    candidate: str
    baseline_score: float | None
    candidate_score: float | None
    note: str


_FIELDS = tuple(EvaluatedPair.__dataclass_fields__)
_PAIRS = tuple(evaluation_pairs.c[name] for name in _FIELDS)


async def add(
    connection: AsyncConnection, evaluation_id: int, pairs: Sequence[EvaluatedPair]
) -> None:
    """Add the pairs of an evaluation."""
    rows = [
        {"evaluation_id": evaluation_id} | {name: getattr(pair, name) for name in _FIELDS}
        for pair in pairs
    ]
    for start in range(0, len(rows), _BATCH):
        await connection.execute(insert(evaluation_pairs), rows[start : start + _BATCH])


async def listed(
    connection: AsyncConnection, evaluation_id: int, *, category: str, after: int, limit: int
) -> list[EvaluatedPair]:
    """The pairs behind a position; ``category`` empty: of all."""
    table = evaluation_pairs.c
    wanted = select(*_PAIRS).where(table.evaluation_id == evaluation_id, table.position > after)
    if category:
        wanted = wanted.where(table.category == category)
    found = await connection.execute(wanted.order_by(table.position).limit(limit))
    return [_read(row) for row in found]


async def count(connection: AsyncConnection, evaluation_id: int) -> int:
    """How many pairs are left."""
    of_it = evaluation_pairs.c.evaluation_id == evaluation_id
    return int(await connection.scalar(select(func.count()).where(of_it)) or 0)


async def turns_of(connection: AsyncConnection, evaluation_id: int, *, limit: int) -> list[UUID]:
    """The turns whose questions were asked, in the order of the pairs; each once."""
    table = evaluation_pairs.c
    wanted = (
        select(table.turn_id)
        .where(table.evaluation_id == evaluation_id, table.turn_id.is_not(None))
        .group_by(table.turn_id)
        .order_by(func.min(table.position))
        .limit(limit)
    )
    return list((await connection.execute(wanted)).scalars())


async def turns_of_items(connection: AsyncConnection, item_ids: set[str]) -> dict[str, UUID]:
    """The turns of items of data sets, as far as there are any still; locked till the commit."""
    table = dataset_items.c
    wanted = (
        select(table.id, table.turn_id)
        .where(table.id.in_(item_ids))
        .with_for_update(key_share=True)
    )
    return {row.id: row.turn_id for row in await connection.execute(wanted)}


async def turns_there(connection: AsyncConnection, turn_ids: set[UUID]) -> set[UUID]:
    """Those of the turns that there are still, locked till the commit."""
    wanted = select(turns.c.id).where(turns.c.id.in_(turn_ids)).order_by(turns.c.id)
    return set((await connection.execute(wanted.with_for_update(key_share=True))).scalars())


async def people_of(connection: AsyncConnection, turn_ids: Sequence[UUID]) -> list[Person]:
    """Whose questions these are."""
    columns = (turns.c.messenger, turns.c.tenant, turns.c.sender)
    wanted = select(*columns).distinct().where(turns.c.id.in_(turn_ids)).order_by(*columns)
    return [Person(**row._mapping) for row in await connection.execute(wanted)]


def _read(row: Row[Any]) -> EvaluatedPair:
    return EvaluatedPair(**row._asdict())
