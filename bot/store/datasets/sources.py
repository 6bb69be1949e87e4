"""What items are made of: the turns that somebody judged, and what stands around them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Select,
    Uuid,
    bindparam,
    exists,
    func,
    or_,
    select,
    text,
    union,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.store.schema import feedback, judged_turns, turns

#: A list of so many is sorted anew for each page.
FEW = 10_000
#: Earlier answers in an item's messages.
MAX_HISTORY = 6
#: Turns that are looked at for them, and for the messages of a burst.
_LOOKED_BACK = 100

_IDS = bindparam("ids", type_=ARRAY(Uuid))
#: As a prompt's history: of the same epoch, without the answers that were replaced until then.
_HISTORIES = text(
    f"""
    SELECT asked.id AS asked_id, earlier.*
    FROM turns AS asked CROSS JOIN LATERAL (
        SELECT turns.id, turns.seq, turns.sender, turns.text, turns.answer,
            turns.prompt IS NOT NULL OR turns.media <> '[]' AS is_mixed
        FROM turns
        WHERE turns.conversation_id = asked.conversation_id AND turns.epoch = asked.epoch
          AND turns.seq < asked.seq AND turns.seq > asked.seq - {_LOOKED_BACK}
          AND turns.status = 'answered' AND turns.answer IS NOT NULL
          AND NOT EXISTS (
            SELECT FROM turns AS again
            WHERE again.regenerates = turns.id AND again.seq <= asked.seq
              AND again.status = 'answered'
          )
        ORDER BY turns.seq DESC LIMIT {MAX_HISTORY}
    ) AS earlier
    WHERE asked.id = ANY(:ids)
    ORDER BY earlier.seq DESC
    """
).bindparams(_IDS)
#: A burst is the turns right before the one that answers them.
_MERGED = text(
    f"""
    SELECT asked.id AS asked_id, merged.sender, merged.text
    FROM turns AS asked JOIN turns AS merged
      ON merged.conversation_id = asked.conversation_id AND merged.merged_into = asked.id
     AND merged.seq < asked.seq AND merged.seq > asked.seq - {_LOOKED_BACK}
    WHERE asked.id = ANY(:ids) ORDER BY merged.seq
    """
).bindparams(_IDS)


#: Whoever asks again repeats the words of whoever asked first.
_BORROWED = text(
    """
    WITH RECURSIVE asked AS (
        SELECT id AS asked_id, sender AS by, sender, regenerates FROM turns
        WHERE id = ANY(:ids) AND regenerates IS NOT NULL
        UNION ALL
        SELECT asked.asked_id, asked.by, earlier.sender, earlier.regenerates
        FROM asked JOIN turns AS earlier ON earlier.id = asked.regenerates
    )
    SELECT DISTINCT asked_id FROM asked WHERE sender <> by
    """
).bindparams(_IDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """An earlier question and its answer."""

    id: UUID
    seq: int
    sender: str
    text: str
    answer: str
    is_mixed: bool  #: the model read more than the text: others' words, or pictures


@dataclass(frozen=True, slots=True)
class Merged:
    """A message that was answered together with a later one."""

    sender: str
    text: str


def candidates() -> Select[Any]:
    """The ``turn_id`` and ``received_at`` of turns that may become items."""
    every = union(*_kinds()).subquery("candidates")
    return select(every.c.turn_id, every.c.received_at)


def is_candidate() -> ColumnElement[bool]:
    """Whether the turn may become an item: it was judged, or asks again."""
    return or_(
        exists(select(judged_turns.c.turn_id).where(judged_turns.c.turn_id == turns.c.id)),
        exists(select(feedback.c.turn_id).where(feedback.c.turn_id == turns.c.id)),
        turns.c.regenerates.is_not(None),
    )


async def are_few(connection: AsyncConnection) -> bool:
    """Whether the candidates are so few that their list is quicker than a walk over the log."""
    some = union_all(*_kinds()).limit(FEW + 1).subquery("some")
    return (await connection.scalar(select(func.count()).select_from(some)) or 0) <= FEW


def _kinds() -> tuple[Select[Any], ...]:
    place = (turns.c.id.label("turn_id"), turns.c.received_at)
    return (
        select(judged_turns.c.turn_id, judged_turns.c.received_at),
        select(*place).join(feedback, feedback.c.turn_id == turns.c.id),
        select(*place).where(turns.c.regenerates.is_not(None)),
    )


async def histories(connection: AsyncConnection, ids: Sequence[UUID]) -> dict[UUID, list[Exchange]]:
    """The answered turns before each of these, the newest first."""
    found: dict[UUID, list[Exchange]] = defaultdict(list)
    for row in await connection.execute(_HISTORIES, {"ids": list(ids)}):
        values = row._asdict()
        found[values.pop("asked_id")].append(Exchange(**values))
    return found


async def merged(connection: AsyncConnection, ids: Sequence[UUID]) -> dict[UUID, list[Merged]]:
    """The messages that each of these turns answers beside its own, the oldest first."""
    found: dict[UUID, list[Merged]] = defaultdict(list)
    if ids:
        for row in await connection.execute(_MERGED, {"ids": list(ids)}):
            found[row.asked_id].append(Merged(row.sender, row.text))
    return found


async def borrowed(connection: AsyncConnection, ids: Sequence[UUID]) -> set[UUID]:
    """Those of these turns whose question somebody else asked first."""
    return set((await connection.execute(_BORROWED, {"ids": list(ids)})).scalars())
