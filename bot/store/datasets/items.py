"""The items of data sets: added, listed, counted, and taken out again. Commits are the caller's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Row, Select, bindparam, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.datasets import Source, Split
from bot.store.schema import dataset_items, turns


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """An item as it is exported, masked."""

    id: str
    turn_id: UUID
    first_turn_id: UUID  #: the oldest turn whose words it holds
    other_turn_id: UUID | None  #: of the other answer to the same question
    person: str  #: the digest of the sender's key
    split: Split
    source: Source
    content: Mapping[str, Any]
    hash: bytes
    model: str
    preset: str
    config_version: int | None

    @property
    def turn_ids(self) -> set[UUID]:
        """All turns that it goes with."""
        return {self.turn_id, self.first_turn_id} | (
            {self.other_turn_id} if self.other_turn_id else set()
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredItem:
    """An item of a data set, as its pages and its export read it."""

    id: str
    turn_id: UUID
    person: str
    split: str
    source: str
    content: Mapping[str, Any]
    tokens: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many items a data set has, in all and by what they are; names are the stored ones."""

    all: int
    unchecked: int
    max_tokens: int | None  #: of those that were checked
    by: Mapping[str, Mapping[str, int]]  #: split, source, model, preset, config_version


_STORED = tuple(dataset_items.c[name] for name in StoredItem.__dataclass_fields__)
_ITEMS: Select[Any] = select(*_STORED)
_GROUPS = ("split", "source", "model", "preset", "config_version")
#: A row for each combination that occurs: some dozens.
_COUNT = (
    select(
        *(dataset_items.c[name] for name in _GROUPS),
        func.count().label("items"),
        func.count().filter(dataset_items.c.tokens.is_(None)).label("unchecked"),
        func.max(dataset_items.c.tokens).label("max_tokens"),
    )
    .where(dataset_items.c.dataset_id == bindparam("dataset_id", type_=BigInteger))
    .group_by(*(dataset_items.c[name] for name in _GROUPS))
)


async def add(connection: AsyncConnection, dataset_id: int, items: Sequence[Item]) -> int:
    """Add the items whose turns are still there, without those that the set has; their number."""
    wanted = {turn_id for item in items for turn_id in item.turn_ids}
    present = select(turns.c.id).where(turns.c.id.in_(wanted)).order_by(turns.c.id)
    there = set((await connection.execute(present.with_for_update(key_share=True))).scalars())
    rows = [_row(dataset_id, item) for item in items if item.turn_ids <= there]
    if not rows:
        return 0
    new = insert(dataset_items).values(rows).on_conflict_do_nothing()
    return len((await connection.execute(new.returning(dataset_items.c.id))).all())


async def listed(
    connection: AsyncConnection, dataset_id: int, *, split: str, after: str, limit: int
) -> list[StoredItem]:
    """The items of a split behind an id, by id; ``split`` empty: of all."""
    of_set = _ITEMS.where(dataset_items.c.dataset_id == dataset_id, dataset_items.c.id > after)
    if split:
        of_set = of_set.where(dataset_items.c.split == split)
    found = await connection.execute(of_set.order_by(dataset_items.c.id).limit(limit))
    return [read_item(row) for row in found]


async def turn_ids(connection: AsyncConnection, dataset_id: int, *, limit: int) -> list[UUID]:
    """The turns of the items, by the items' ids: in no order that means anything."""
    table = dataset_items.c
    wanted = select(table.turn_id).where(table.dataset_id == dataset_id)
    return list((await connection.execute(wanted.order_by(table.id).limit(limit))).scalars())


async def unchecked(
    connection: AsyncConnection, dataset_id: int, *, after: str, limit: int
) -> list[StoredItem]:
    """Items that were not rendered yet, behind an id, by id."""
    of_set = _ITEMS.where(
        dataset_items.c.dataset_id == dataset_id,
        dataset_items.c.id > after,
        dataset_items.c.tokens.is_(None),
    )
    found = await connection.execute(of_set.order_by(dataset_items.c.id).limit(limit))
    return [read_item(row) for row in found]


async def count(connection: AsyncConnection, dataset_id: int) -> Counts:
    """How many items there are: all numbers of one walk over them."""
    rows = (await connection.execute(_COUNT, {"dataset_id": dataset_id})).all()
    tallies: dict[str, Counter[str]] = {name: Counter() for name in _GROUPS}
    for row in rows:
        for name in _GROUPS:
            value = getattr(row, name)
            tallies[name]["" if value is None else str(value)] += row.items
    return Counts(
        all=sum(row.items for row in rows),
        unchecked=sum(row.unchecked for row in rows),
        max_tokens=max((row.max_tokens or 0 for row in rows), default=0) or None,
        by={name: dict(sorted(of.items(), key=_most_first)) for name, of in tallies.items()},
    )


async def set_tokens(
    connection: AsyncConnection, dataset_id: int, item_id: str, tokens: int
) -> None:
    """Store the length of an item; of two renderings the longer one counts."""
    table = dataset_items.c
    longest = func.greatest(func.coalesce(table.tokens, 0), tokens)
    of_item = update(dataset_items).where(table.dataset_id == dataset_id, table.id == item_id)
    await connection.execute(of_item.values(tokens=longest))


async def take_out(connection: AsyncConnection, dataset_id: int, item_ids: set[str]) -> int:
    """Delete items of a data set; their number."""
    table = dataset_items.c
    of_set = delete(dataset_items).where(table.dataset_id == dataset_id, table.id.in_(item_ids))
    return (await connection.execute(of_set)).rowcount


async def remove_person(connection: AsyncConnection, person: str) -> int:
    """Delete the person's items out of all data sets; their number."""
    of_person = delete(dataset_items).where(dataset_items.c.person == person)
    return (await connection.execute(of_person)).rowcount


def read_item(row: Row[Any]) -> StoredItem:
    """The item in a row."""
    return StoredItem(**row._asdict())


def _most_first(counted: tuple[str, int]) -> tuple[int, str]:
    return -counted[1], counted[0]


def _row(dataset_id: int, item: Item) -> dict[str, Any]:
    names = Item.__dataclass_fields__
    row: dict[str, Any] = {name: getattr(item, name) for name in names}
    return row | {
        "dataset_id": dataset_id,
        "split": item.split.value,
        "source": item.source.value,
        "content": dict(item.content),
    }
