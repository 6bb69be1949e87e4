"""Replays in Postgres: found and counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.replays import ItemState, ReplayOptions, ReplayState
from bot.store.schema import replay_items, replays


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """A replay."""

    id: int
    name: str
    author: str
    state: ReplayState
    query: str
    source: str  #: what else its turns came from; empty for a search
    cursor: str  #: the place reached in the search
    dataset_id: int | None  #: whose turns they are; None: a search's, or it was deleted
    left_out: Mapping[str, int]  #: turns that are not asked again, by ``Unaskable``
    max_turns: int
    options: ReplayOptions
    batch_id: UUID
    seed: int  #: of the coin; for nobody to see
    created_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemCounts:
    """The turns of a replay by their state."""

    waiting: int = 0
    queued: int = 0
    answered: int = 0
    failed: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.waiting + self.queued + self.answered + self.failed

    @property
    def done(self) -> int:
        """Those that get no other result."""
        return self.answered + self.failed


async def find(connection: AsyncConnection, replay_id: int) -> Replay | None:
    """The replay, or None."""
    row = (await connection.execute(select(replays).where(replays.c.id == replay_id))).one_or_none()
    return read_replay(row) if row else None


async def newest(
    connection: AsyncConnection, *, before: int | None, limit: int
) -> list[tuple[Replay, ItemCounts]]:
    """Replays with their counts, newest first, below the id ``before``."""
    wanted = select(replays).order_by(replays.c.id.desc()).limit(limit)
    if before is not None:
        wanted = wanted.where(replays.c.id < before)
    return await _counted(connection, wanted)


async def of_dataset(
    connection: AsyncConnection, dataset_id: int, *, limit: int
) -> list[tuple[Replay, ItemCounts]]:
    """The newest replays of a data set, with their counts."""
    wanted = select(replays).where(replays.c.dataset_id == dataset_id)
    return await _counted(connection, wanted.order_by(replays.c.id.desc()).limit(limit))


async def count_items(
    connection: AsyncConnection, replay_ids: Sequence[int]
) -> dict[int, ItemCounts]:
    """The turns of each replay by state."""
    columns = replay_items.c
    wanted = (
        select(columns.replay_id, columns.state, func.count().label("items"))
        .where(columns.replay_id.in_(replay_ids))
        .group_by(columns.replay_id, columns.state)
    )
    found: dict[int, dict[str, int]] = {}
    for row in await connection.execute(wanted):
        found.setdefault(row.replay_id, {})[ItemState(row.state).value] = row.items
    return {replay_id: ItemCounts(**states) for replay_id, states in found.items()}


async def _counted(
    connection: AsyncConnection, wanted: Select[Any]
) -> list[tuple[Replay, ItemCounts]]:
    found = [read_replay(row) for row in await connection.execute(wanted)]
    counts = await count_items(connection, [replay.id for replay in found])
    return [(replay, counts.get(replay.id, ItemCounts())) for replay in found]


def read_replay(row: Row[Any]) -> Replay:
    """The replay of a row."""
    values = dict(row._mapping)
    options = ReplayOptions.load(values.pop("options"))
    return Replay(**{**values, "options": options, "state": ReplayState(values["state"])})
