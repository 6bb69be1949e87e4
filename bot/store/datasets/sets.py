"""Data sets: made, found, frozen, deleted. The commits are the caller's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Row, Select, delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.datasets import OPEN_DATASETS, DatasetKind
from bot.store.schema import datasets

#: Waiting or running, over all authors.
MAX_OPEN = 10

_OPEN = [state.value for state in OPEN_DATASETS]
#: Two forms at once get two versions.
_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(1685418866)")  # "ddsr"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What a data set is made of; the same one can be built again."""

    name: str
    kind: DatasetKind
    query: str  #: the text of the search box
    loose: bool  #: texts that differ in spaces and punctuation alone are one
    preset: str  #: checks the items; empty: they are not checked
    max_tokens: int  #: of an item, checked

    def values(self) -> dict[str, Any]:
        """Its columns."""
        return {
            "name": self.name,
            "kind": self.kind.value,
            "query": self.query,
            "loose": self.loose,
            "preset": self.preset,
            "max_tokens": self.max_tokens,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """A version of a data set. States are plain strings: a newer bot may store others."""

    id: int
    name: str
    version: int
    kind: str
    query: str
    loose: bool
    preset: str
    max_tokens: int
    batch_id: UUID
    author: str
    state: str
    cursor: str
    looked_at: int
    made: int  #: items, also those that were erased since
    left_out: Mapping[str, int]  #: how many, by reason
    claim: int
    created_at: datetime
    ended_at: datetime | None
    frozen_at: datetime | None

    @property
    def recipe(self) -> Recipe:
        """What it is made of."""
        return Recipe(
            name=self.name,
            kind=DatasetKind(self.kind),
            query=self.query,
            loose=self.loose,
            preset=self.preset,
            max_tokens=self.max_tokens,
        )


COLUMNS = tuple(datasets.c[name] for name in Dataset.__dataclass_fields__)
_DATASETS: Select[Any] = select(*COLUMNS)


async def make(connection: AsyncConnection, recipe: Recipe, *, author: str) -> int | None:
    """Make the next version of the name, to be built; its id, or None: too many are open."""
    await connection.execute(_ONE_AT_A_TIME)
    opened = select(func.count()).where(datasets.c.state.in_(_OPEN))
    if (await connection.scalar(opened) or 0) >= MAX_OPEN:
        return None
    newest = select(func.max(datasets.c.version)).where(datasets.c.name == recipe.name)
    version = (await connection.scalar(newest) or 0) + 1
    new = insert(datasets).values(
        **recipe.values(), version=version, author=author, batch_id=uuid4()
    )
    return int((await connection.execute(new.returning(datasets.c.id))).scalar_one())


async def find(
    connection: AsyncConnection, dataset_id: int, *, lock: bool = False
) -> Dataset | None:
    """The data set with that id; ``lock``: until the transaction's end."""
    statement = _DATASETS.where(datasets.c.id == dataset_id)
    found = await connection.execute(statement.with_for_update() if lock else statement)
    row = found.one_or_none()
    return read_dataset(row) if row else None


async def newest(connection: AsyncConnection, *, before: int | None, limit: int) -> list[Dataset]:
    """The newest data sets below an id."""
    statement = _DATASETS.order_by(datasets.c.id.desc()).limit(limit)
    if before is not None:
        statement = statement.where(datasets.c.id < before)
    return [read_dataset(row) for row in await connection.execute(statement)]


async def freeze(connection: AsyncConnection, dataset_id: int) -> None:
    """It is exported: from now on it is only read."""
    frozen = update(datasets).where(datasets.c.id == dataset_id, datasets.c.frozen_at.is_(None))
    await connection.execute(frozen.values(frozen_at=func.now()))


async def remove(connection: AsyncConnection, dataset_id: int) -> bool:
    """Delete a data set with its items; False: there is none."""
    found = await connection.execute(delete(datasets).where(datasets.c.id == dataset_id))
    return bool(found.rowcount)


def read_dataset(row: Row[Any]) -> Dataset:
    """The data set in a row of ``COLUMNS``."""
    return Dataset(**row._asdict())
