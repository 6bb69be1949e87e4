"""What counts of the reviews of turns, as others read it: the verdict, reasons, the correction."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.feedback import Reason
from bot.domain.reviews import CountingVerdict, Verdict
from bot.store.schema import judged_turns

#: Asked for at once.
MAX_TURNS = 10_000

_JUDGED: Select[Any] = select(
    judged_turns.c.turn_id,
    judged_turns.c.verdict,
    judged_turns.c.reasons,
    judged_turns.c.correction,
    judged_turns.c.authoritative,
    judged_turns.c.disputed,
    judged_turns.c.reviews,
)
_OF_TURNS = _JUDGED.where(judged_turns.c.turn_id.in_(bindparam("turn_ids", expanding=True)))


async def read_judged(
    connection: AsyncConnection, turn_ids: Iterable[UUID]
) -> dict[UUID, CountingVerdict]:
    """What counts of each of these turns, ``MAX_TURNS`` at most; one that nobody judged is absent.

    An adjudicator's word counts; else that of more than half of the reviewers; else the verdict is
    None. Declined reviews count for nothing (decision 0038).
    """
    ids = list(turn_ids)[:MAX_TURNS]
    found = await connection.execute(_OF_TURNS, {"turn_ids": ids}) if ids else ()
    return {row.turn_id: _read(row) for row in found}


def _read(row: Row[Any]) -> CountingVerdict:
    known = {reason.value for reason in Reason}
    return CountingVerdict(
        turn_id=row.turn_id,
        verdict=Verdict(row.verdict) if row.verdict else None,
        reasons=tuple(Reason(code) for code in row.reasons if code in known),
        correction=row.correction,
        authoritative=row.authoritative,
        disputed=row.disputed,
        reviews=row.reviews,
    )
