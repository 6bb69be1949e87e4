"""Blind votes, and the pairs of answers that they are on. The commits are the caller's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Row, and_, func, select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql import Select

from bot.domain.replays import ItemState, Preference
from bot.domain.turns import Person
from bot.store.schema import replay_items, replay_votes, turns

IS_COMPARABLE = and_(replay_items.c.state == ItemState.ANSWERED.value, turns.c.answer.is_not(None))
DIFFERS = replay_items.c.answer != turns.c.answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Both answers to one turn."""

    position: int
    turn_id: UUID
    conversation_id: int
    messenger: str
    tenant: str
    sender: str
    question: str
    old: str
    new: str
    old_model: str
    new_model: str
    old_tokens: int | None
    new_tokens: int | None
    old_ms: float | None
    new_ms: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewProgress:
    """How far one reviewer is."""

    voted: int
    comparable: int  #: pairs that differ

    @property
    def left(self) -> int:
        """Pairs without the reviewer's vote."""
        return max(0, self.comparable - self.voted)


async def find_pair(connection: AsyncConnection, replay_id: int, position: int) -> Pair | None:
    """The pair at a position; None: it has no two different answers."""
    wanted = _pairs(replay_id).where(replay_items.c.position == position, DIFFERS)
    row = (await connection.execute(wanted)).one_or_none()
    return _pair(row) if row else None


async def next_pair(
    connection: AsyncConnection, replay_id: int, reviewer: str, *, after: int = 0
) -> Pair | None:
    """The first pair behind a position that the reviewer has not voted on."""
    voted = (
        select(replay_votes.c.position)
        .where(
            replay_votes.c.replay_id == replay_id,
            replay_votes.c.reviewer == reviewer,
            replay_votes.c.position == replay_items.c.position,
        )
        .exists()
    )
    wanted = _pairs(replay_id).where(replay_items.c.position > after, DIFFERS, ~voted).limit(1)
    row = (await connection.execute(wanted)).one_or_none()
    return _pair(row) if row else None


async def pairs_after(
    connection: AsyncConnection, replay_id: int, after: int, *, limit: int
) -> list[Pair]:
    """The pairs behind a position, those with equal answers too."""
    wanted = _pairs(replay_id).where(replay_items.c.position > after).limit(limit)
    return [_pair(row) for row in await connection.execute(wanted)]


async def people_of(connection: AsyncConnection, replay_id: int) -> list[Person]:
    """Whose questions the pairs answer."""
    columns = (turns.c.messenger, turns.c.tenant, turns.c.sender)
    wanted = (
        select(*columns)
        .distinct()
        .join(replay_items, replay_items.c.turn_id == turns.c.id)
        .where(replay_items.c.replay_id == replay_id, IS_COMPARABLE)
        .order_by(*columns)
    )
    return [Person(**row._mapping) for row in await connection.execute(wanted)]


async def vote(
    connection: AsyncConnection, replay_id: int, position: int, reviewer: str, chosen: Preference
) -> None:
    """Store a vote, in place of an earlier one of the same reviewer."""
    statement = insert(replay_votes).values(
        replay_id=replay_id, position=position, reviewer=reviewer, preferred=chosen.value
    )
    await connection.execute(
        statement.on_conflict_do_update(
            index_elements=["replay_id", "position", "reviewer"],
            set_={"preferred": chosen.value, "voted_at": func.now()},
        )
    )


async def own_vote(
    connection: AsyncConnection, replay_id: int, position: int, reviewer: str
) -> Preference | None:
    """What the reviewer voted, if so."""
    columns = replay_votes.c
    wanted = select(columns.preferred).where(
        columns.replay_id == replay_id,
        columns.position == position,
        columns.reviewer == reviewer,
    )
    found = await connection.scalar(wanted)
    return Preference(found) if found else None


async def progress(connection: AsyncConnection, replay_id: int, reviewer: str) -> ReviewProgress:
    """How far the reviewer is."""
    comparable = (
        select(func.count())
        .select_from(replay_items)
        .join(turns, turns.c.id == replay_items.c.turn_id)
        .where(replay_items.c.replay_id == replay_id, IS_COMPARABLE, DIFFERS)
    )
    voted = select(func.count()).where(
        replay_votes.c.replay_id == replay_id, replay_votes.c.reviewer == reviewer
    )
    return ReviewProgress(
        voted=await connection.scalar(voted) or 0,
        comparable=await connection.scalar(comparable) or 0,
    )


async def reviewers(connection: AsyncConnection, replay_id: int) -> dict[str, int]:
    """The number of votes by reviewer, by name."""
    columns = replay_votes.c
    wanted = (
        select(columns.reviewer, func.count().label("votes"))
        .where(columns.replay_id == replay_id)
        .group_by(columns.reviewer)
        .order_by(columns.reviewer)
    )
    return {row.reviewer: row.votes for row in await connection.execute(wanted)}


async def votes_of(
    connection: AsyncConnection, replay_id: int, positions: Sequence[int] | None = None
) -> list[tuple[int, int, Preference]]:
    """Position, conversation and vote of each vote; ``positions``: only of these."""
    key = (replay_items.c.replay_id, replay_items.c.position)
    wanted = (
        select(replay_votes.c.position, turns.c.conversation_id, replay_votes.c.preferred)
        .join(
            replay_items, tuple_(*key) == tuple_(replay_votes.c.replay_id, replay_votes.c.position)
        )
        .join(turns, turns.c.id == replay_items.c.turn_id)
        .where(replay_votes.c.replay_id == replay_id)
        .order_by(replay_votes.c.position, replay_votes.c.reviewer)
    )
    if positions is not None:
        wanted = wanted.where(replay_votes.c.position.in_(positions))
    rows = await connection.execute(wanted)
    return [(row.position, row.conversation_id, Preference(row.preferred)) for row in rows]


def _pairs(replay_id: int) -> Select[Any]:
    columns = replay_items.c
    return (
        select(
            columns.position,
            columns.turn_id,
            columns.answer.label("new"),
            columns.model.label("new_model"),
            columns.completion_tokens.label("new_tokens"),
            columns.total_ms.label("new_ms"),
            turns.c.conversation_id,
            turns.c.messenger,
            turns.c.tenant,
            turns.c.sender,
            func.coalesce(turns.c.prompt, turns.c.text).label("question"),
            turns.c.answer.label("old"),
            turns.c.model.label("old_model"),
            turns.c.completion_tokens.label("old_tokens"),
            turns.c.total_ms.label("old_ms"),
        )
        .join(turns, turns.c.id == columns.turn_id)
        .where(columns.replay_id == replay_id, IS_COMPARABLE)
        .order_by(columns.position)
    )


def _pair(row: Row[Any]) -> Pair:
    values = {**row._mapping}
    for name in ("new", "new_model", "old", "old_model", "question"):
        values[name] = values[name] or ""
    return Pair(**values)
