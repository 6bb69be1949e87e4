"""The turns that a replay takes in, and those that cannot be asked again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import BigInteger, Uuid, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.replays import Unaskable
from bot.store.replays.kept_pictures import LACKS_PICTURES

_LOOK = text(
    f"""
    SELECT turn.id, CASE
        WHEN turn.status <> 'answered' OR coalesce(turn.answer, '') = ''
            THEN '{Unaskable.UNANSWERED.value}'
        WHEN {LACKS_PICTURES} THEN '{Unaskable.PICTURES.value}'
    END AS reason
    FROM unnest(:turn_ids) WITH ORDINALITY AS wanted (id, place)
    JOIN turns AS turn ON turn.id = wanted.id
    WHERE NOT EXISTS (SELECT FROM replay_items WHERE replay_id = :id AND turn_id = turn.id)
    ORDER BY wanted.place
    """
).bindparams(bindparam("turn_ids", type_=ARRAY(Uuid)), bindparam("id", type_=BigInteger))
_ADD = text(
    """
    INSERT INTO replay_items (replay_id, position, turn_id)
    SELECT :id, added.before + row_number() OVER (ORDER BY wanted.place), turns.id
    FROM unnest(:turn_ids) WITH ORDINALITY AS wanted (id, place)
    JOIN turns ON turns.id = wanted.id
    CROSS JOIN (
        SELECT coalesce(max(position), 0) AS before FROM replay_items WHERE replay_id = :id
    ) AS added
    ORDER BY wanted.place
    ON CONFLICT (replay_id, turn_id) DO NOTHING
    """
).bindparams(bindparam("turn_ids", type_=ARRAY(Uuid)), bindparam("id", type_=BigInteger))


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """What became of some turns."""

    items: int
    left_out: Mapping[str, int]  #: by ``Unaskable``; of those before the last one that was added


async def add_items(
    connection: AsyncConnection, replay_id: int, turn_ids: Sequence[UUID], *, at_most: int
) -> Added:
    """Add turns that are not in the replay yet, in this order."""
    chosen: list[UUID] = []
    left_out: Counter[str] = Counter()
    values = {"id": replay_id, "turn_ids": list(turn_ids)}
    for row in await connection.execute(_LOOK, values):
        if len(chosen) >= at_most:
            break
        if row.reason:
            left_out[row.reason] += 1
        else:
            chosen.append(row.id)
    added = await connection.execute(_ADD, values | {"turn_ids": chosen})
    return Added(items=added.rowcount, left_out=left_out)
