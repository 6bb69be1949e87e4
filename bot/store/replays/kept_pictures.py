"""The pictures of past questions, as far as an operator keeps them (BOT_PICTURE_KEPT_DAYS)."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from sqlalchemy import BigInteger, Uuid, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from inference_queue.protocol import Picture

#: The messages that one question was made of, of ``turns AS turn``: a burst's come just before it.
_PARTS = """
    turns AS part WHERE part.conversation_id = turn.conversation_id
      AND part.seq BETWEEN turn.seq - 100 AND turn.seq
      AND (part.id = turn.id OR part.merged_into = turn.id)
"""
#: Whether a picture of ``turns AS turn`` is not kept, or not any more.
LACKS_PICTURES = f"""
    (SELECT coalesce(sum(jsonb_array_length(part.media)), 0) FROM {_PARTS}) > (
        SELECT count(*) FROM turn_pictures AS picture
        WHERE picture.kept_until > now() AND picture.turn_id IN (SELECT part.id FROM {_PARTS})
    )
"""
_SEEING = text(
    f"""
    SELECT turn.id, {LACKS_PICTURES} AS lacks FROM turns AS turn
    WHERE turn.id = ANY(:turn_ids)
      AND EXISTS (SELECT FROM {_PARTS} AND jsonb_array_length(part.media) > 0)
    """
).bindparams(bindparam("turn_ids", type_=ARRAY(Uuid)))
_FIND = text(
    f"""
    SELECT turn.id, part.text, jsonb_array_length(part.media) > 0 AS shows,
        picture.media_type, picture.data
    FROM turns AS turn
    CROSS JOIN LATERAL (SELECT part.* FROM {_PARTS}) AS part
    LEFT JOIN turn_pictures AS picture
        ON picture.turn_id = part.id AND picture.kept_until > now()
    WHERE turn.id = ANY(:turn_ids)
    ORDER BY turn.id, part.seq, picture.position
    """
).bindparams(bindparam("turn_ids", type_=ARRAY(Uuid)))
#: A job in the lane has its pictures: not longer than they are kept.
_OUTLIVED = text(
    f"""
    SELECT job.id FROM background_jobs AS job
    JOIN replay_items AS item ON item.job_id = job.id AND item.replay_id = :id
    JOIN turns AS turn ON turn.id = item.turn_id
    WHERE job.batch_id = :batch_id AND job.kind = 'see' AND {LACKS_PICTURES}
    """
).bindparams(bindparam("id", type_=BigInteger), bindparam("batch_id", type_=Uuid))


@dataclass(frozen=True, slots=True)
class Shown:
    """What a question showed, and what was written in messages of its own beside it."""

    pictures: tuple[Picture, ...] = ()
    words: tuple[str, ...] = ()


async def seeing_turns(connection: AsyncConnection, turn_ids: Sequence[UUID]) -> dict[UUID, bool]:
    """Those of the turns that have pictures, and whether all are kept."""
    rows = await connection.execute(_SEEING, {"turn_ids": list(turn_ids)})
    return {row.id: not row.lacks for row in rows}


async def find_shown(connection: AsyncConnection, turn_ids: Sequence[UUID]) -> dict[UUID, Shown]:
    """The pictures of turns, in order."""
    shown: dict[UUID, Shown] = {}
    for row in await connection.execute(_FIND, {"turn_ids": list(turn_ids)}):
        known = shown.get(row.id, Shown())
        if row.data is not None:
            picture = Picture(row.media_type, b64encode(row.data).decode())
            known = replace(known, pictures=(*known.pictures, picture))
        elif not row.shows:
            known = replace(known, words=(*known.words, row.text))
        shown[row.id] = known
    return shown


async def outlived_jobs(connection: AsyncConnection, replay_id: int, batch_id: UUID) -> list[UUID]:
    """The jobs in the lane whose pictures are not kept any more."""
    values = {"id": replay_id, "batch_id": batch_id}
    return list((await connection.execute(_OUTLIVED, values)).scalars())
