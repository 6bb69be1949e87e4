"""A person's turns, newest first, and their votes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.turns import Person
from bot.store.schema import conversations, feedback, turns

#: Turns that one page is made of: so many are read along the index of the sender.
PART = 200
#: Conversations of a page: each turn may be in another one.
MAX_CONVERSATIONS = 50
#: What is counted, at most.
MAX_COUNTED = 500
MAX_VOTES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonConversation:
    """A conversation with the person's turns in one part of their time."""

    id: int
    key: str
    room: str
    turns: int  #: of the person, in this part
    newest_seq: int
    oldest_at: datetime
    newest_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonPart:
    """The conversations of up to ``PART`` turns, the newest first."""

    conversations: Sequence[PersonConversation]
    last: tuple[datetime, UUID] | None  #: the turn where the next part begins; None: there is none


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonVote:
    """A vote of the person."""

    turn_id: UUID
    vote: str
    reasons: list[str]
    note: str
    updated_at: datetime


def _is_of(person: Person) -> ColumnElement[bool]:
    return and_(
        turns.c.sender == person.sender,
        turns.c.messenger == person.messenger,
        turns.c.tenant == person.tenant,
    )


async def count_turns(connection: AsyncConnection, person: Person) -> int:
    """The person's turns, up to ``MAX_COUNTED``."""
    some = select(literal(1)).where(_is_of(person)).limit(MAX_COUNTED).subquery()
    return await connection.scalar(select(func.count()).select_from(some)) or 0


async def read_part(
    connection: AsyncConnection, person: Person, below: tuple[datetime, UUID] | None
) -> PersonPart:
    """The conversations of the newest turns below a turn; None: of the newest of all."""
    wanted = _is_of(person)
    if below is not None:
        wanted = and_(wanted, tuple_(turns.c.received_at, turns.c.id) < tuple_(*below))
    rows = (
        await connection.execute(
            select(turns.c.id, turns.c.conversation_id, turns.c.seq, turns.c.received_at)
            .where(wanted)
            .order_by(turns.c.received_at.desc(), turns.c.id.desc())
            .limit(PART + 1)
        )
    ).all()
    grouped = _grouped(rows[:PART])
    shown = sum(map(len, grouped.values()))
    named = await _names(connection, list(grouped))
    return PersonPart(
        conversations=[
            PersonConversation(
                id=conversation_id,
                key=named[conversation_id].key,
                room=named[conversation_id].room,
                turns=len(own),
                newest_seq=own[0].seq,
                oldest_at=own[-1].received_at,
                newest_at=own[0].received_at,
            )
            for conversation_id, own in grouped.items()
            if conversation_id in named
        ],
        last=(rows[shown - 1].received_at, rows[shown - 1].id) if len(rows) > shown else None,
    )


def _grouped(rows: Sequence[Any]) -> dict[int, list[Any]]:
    """The first turns, by their conversation, of as many conversations as a page may have."""
    grouped: dict[int, list[Any]] = {}
    for row in rows:
        if row.conversation_id not in grouped and len(grouped) == MAX_CONVERSATIONS:
            break
        grouped.setdefault(row.conversation_id, []).append(row)
    return grouped


async def _names(connection: AsyncConnection, ids: Sequence[int]) -> dict[int, Any]:
    columns = conversations.c
    rows = await connection.execute(
        select(columns.id, columns.key, columns.room).where(columns.id.in_(ids))
    )
    return {row.id: row for row in rows}


async def votes_of(connection: AsyncConnection, person: Person) -> Sequence[PersonVote]:
    """The newest ``MAX_VOTES`` votes of the person."""
    columns = [feedback.c[name] for name in PersonVote.__dataclass_fields__]
    rows = await connection.execute(
        select(*columns)
        .join(turns, turns.c.id == feedback.c.turn_id)
        .where(
            feedback.c.voter == person.sender,
            turns.c.messenger == person.messenger,
            turns.c.tenant == person.tenant,
        )
        .order_by(feedback.c.updated_at.desc())
        .limit(MAX_VOTES)
    )
    return [PersonVote(**row._mapping) for row in rows]
