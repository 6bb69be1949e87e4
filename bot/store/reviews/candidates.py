"""Turns that may be put into a queue: the log from the newest, or what changed of late."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Text, bindparam, func, literal, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import DateTime, Uuid

from bot.domain.reviews import Strata
from bot.store.schema import deliveries, feedback, turns

#: Turns of one statement, whose rows take the event loop some milliseconds; fewer where their texts
#: are read, because words are searched for.
BLOCK, WORDY_BLOCK = 1024, 256
#: Of each text, as the search reads it.
_SEARCHED_CHARS = 20_000
#: Turns that changed since the last look and are considered at once.
MAX_CHANGED = 5000

_REASON = (
    select(func.min(feedback.c.reasons[1]))
    .where(feedback.c.turn_id == turns.c.id)
    .scalar_subquery()
)
_STRATA: dict[Strata | None, ColumnElement[Any]] = {
    None: literal(""),
    Strata.MESSENGER: turns.c.messenger,
    Strata.MESSENGER_STATUS: turns.c.messenger + " " + turns.c.status,
    Strata.PRESET: func.coalesce(turns.c.preset, ""),
    Strata.REASON: func.coalesce(_REASON, ""),
}
#: Whatever a search may ask for: the outcome, people's votes, reviews, a delivery that failed. The
#: first changes come first, so what is beyond the bound is found by the next look.
_CHANGED = (
    text(
        """
    SELECT id, min(at) AS at FROM (
        (SELECT id, settled_at AS at FROM turns WHERE settled_at > :since
         ORDER BY settled_at LIMIT :n)
        UNION ALL
        (SELECT turn_id, updated_at FROM feedback WHERE updated_at > :since
         ORDER BY updated_at LIMIT :n)
        UNION ALL
        (SELECT turn_id, updated_at FROM judged_turns WHERE updated_at > :since
         ORDER BY updated_at LIMIT :n)
        UNION ALL
        (SELECT turn_id, updated_at FROM deliveries
         WHERE state IN ('failed', 'unconfirmed') AND updated_at > :since
         ORDER BY updated_at LIMIT :n)
    ) AS changes GROUP BY id ORDER BY min(at) LIMIT :n
    """
    )
    .bindparams(bindparam("since", type_=DateTime(timezone=True)))
    .columns(id=Uuid, at=DateTime(timezone=True))
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What is looked for."""

    conditions: Sequence[ColumnElement[bool]]  #: on turns and deliveries
    strata: Strata | None
    with_texts: bool  #: read the texts: masking may hide a word that is searched for


@dataclass(frozen=True, slots=True)
class FoundTurn:
    """A turn that meets the conditions; its texts are empty unless they were asked for."""

    id: UUID
    received_at: datetime
    stratum: str
    text: str
    answer: str


@dataclass(frozen=True, slots=True)
class Block:
    """The next turns of the walk that meet the conditions, and where the walk goes on."""

    found: Sequence[FoundTurn]
    looked_at: int
    below: datetime | None  #: None: it has reached its end


async def next_block(
    connection: AsyncConnection, selection: Selection, since: datetime, below: datetime
) -> Block:
    """The newest turns from ``since`` on that were received before ``below``."""
    size = WORDY_BLOCK if selection.with_texts else BLOCK
    received_at = turns.c.received_at
    in_range = (received_at >= since, received_at < below)
    last = select(received_at).where(*in_range).order_by(received_at.desc())
    start: datetime | None = await connection.scalar(last.offset(size - 1).limit(1))
    rows = await connection.execute(
        _found(selection)
        .where(received_at >= (start or since), received_at < below)
        .order_by(received_at.desc(), turns.c.id.desc())
    )
    return Block([FoundTurn(*row) for row in rows], size, start)


async def is_larger(
    connection: AsyncConnection, since: datetime, until: datetime, *, than: int
) -> bool:
    """Whether more turns than that were received from ``since`` on, before ``until``."""
    received_at = turns.c.received_at
    in_range = select(received_at).where(received_at >= since, received_at < until)
    return await connection.scalar(in_range.order_by(received_at).offset(than).limit(1)) is not None


async def next_ids(connection: AsyncConnection, after: UUID, limit: int) -> list[UUID]:
    """The ids of turns behind one, in their order, which says nothing about the turns."""
    behind = select(turns.c.id).where(turns.c.id > after).order_by(turns.c.id).limit(limit)
    return list((await connection.execute(behind)).scalars())


async def changed_since(connection: AsyncConnection, since: datetime) -> dict[UUID, datetime]:
    """Turns that changed after that moment, each with its change; the first ``MAX_CHANGED``."""
    rows = await connection.execute(_CHANGED, {"since": since, "n": MAX_CHANGED})
    return {row.id: row.at for row in rows}


async def found_among(
    connection: AsyncConnection, selection: Selection, turn_ids: Sequence[UUID]
) -> list[FoundTurn]:
    """Those of the turns that meet the conditions, newest first."""
    named = turns.c.id == func.any(bindparam(None, list(turn_ids), ARRAY(Uuid)))
    newest_first = (turns.c.received_at.desc(), turns.c.id.desc())
    rows = await connection.execute(_found(selection).where(named).order_by(*newest_first))
    return [FoundTurn(*row) for row in rows]


def _found(selection: Selection) -> Select[Any]:
    texts = (turns.c.text, func.coalesce(turns.c.answer, ""))
    shown = [
        func.left(column, _SEARCHED_CHARS) if selection.with_texts else literal("", Text)
        for column in texts
    ]
    return (
        select(
            turns.c.id,
            turns.c.received_at,
            _STRATA[selection.strata].label("stratum"),
            shown[0].label("text"),
            shown[1].label("answer"),
        )
        .select_from(turns.outerjoin(deliveries, deliveries.c.turn_id == turns.c.id))
        .where(turns.c.answer.is_not(None), *selection.conditions)
    )
