"""What the votes on a replay come to, counted by Postgres: some rows, however many votes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Float,
    Subquery,
    and_,
    case,
    cast,
    false,
    func,
    select,
)
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql import Select

from bot.domain.replays import Preference
from bot.store.replays.votes import DIFFERS, IS_COMPARABLE
from bot.store.schema import replay_items, replay_votes, turns


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedVotes:
    """The votes of conversations that were judged alike."""

    conversations: int
    items: int  #: of each: pairs with votes, or with twice the same answer, which is a tie
    score: float  #: of each: the sum over its items of the mean of an item's votes
    same: int  #: pairs with twice the same answer, in all of them
    votes: Mapping[Preference, int]  #: on pairs that differ, in all of them


async def count_votes(connection: AsyncConnection, replay_id: int) -> list[CountedVotes]:
    """What the outcome of a replay is made of: a row for each kind of conversation."""
    columns = _by_conversation(_judged_pairs(replay_id)).subquery("conversations").c
    alike = (columns["items"], columns["score"])
    counts = ("same", *(one.value for one in Preference))
    wanted = select(
        *alike,
        func.count().label("conversations"),
        *(cast(func.sum(columns[name]), BigInteger).label(name) for name in counts),
    ).group_by(*alike)
    return [
        CountedVotes(
            conversations=row.conversations,
            items=row.items,
            score=row.score,
            same=row.same,
            votes={one: row._mapping[one.value] for one in Preference},
        )
        for row in await connection.execute(wanted)
    ]


def _judged_pairs(replay_id: int) -> Subquery:
    """The conversation, mean score and votes of each pair that counts; each turn is read once."""
    given = replay_votes.c
    scores = {one.value: one.score for one in Preference}
    voted = (
        select(
            given.position,
            func.avg(case(scores, value=given.preferred)).label("score"),
            *(_count(given.preferred == one.value).label(one.value) for one in Preference),
        )
        .where(given.replay_id == replay_id)
        .group_by(given.position)
        .subquery("voted")
    )
    is_same = func.coalesce(and_(IS_COMPARABLE, ~DIFFERS), false())
    return (
        select(
            turns.c.conversation_id,
            is_same.label("is_same"),
            case((is_same, Preference.TIE.score), else_=voted.c.score).label("score"),
            *(voted.c[one.value] for one in Preference),
        )
        .select_from(replay_items.join(turns, turns.c.id == replay_items.c.turn_id))
        .outerjoin(voted, voted.c.position == replay_items.c.position)
        .where(replay_items.c.replay_id == replay_id, voted.c.position.is_not(None) | is_same)
        .subquery("pairs")
    )


def _by_conversation(pairs: Subquery) -> Select[Any]:
    differing = [
        func.coalesce(func.sum(pairs.c[one.value]).filter(~pairs.c.is_same), 0).label(one.value)
        for one in Preference
    ]
    return select(
        func.count().label("items"),
        cast(func.sum(pairs.c.score), Float).label("score"),
        _count(pairs.c.is_same).label("same"),
        *differing,
    ).group_by(pairs.c.conversation_id)


def _count(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.count().filter(condition)
