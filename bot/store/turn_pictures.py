"""The pictures of waiting turns: kept by the accept, taken by the job, never kept longer."""

from __future__ import annotations

from base64 import b64encode
from collections import defaultdict
from collections.abc import Sequence
from operator import attrgetter
from uuid import UUID

from sqlalchemy import Uuid, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from inference_queue.protocol import Picture

TAKE = text(
    """
    DELETE FROM turn_pictures WHERE turn_id = ANY(:turn_ids)
    RETURNING turn_id, position, media_type, data
    """
).bindparams(bindparam("turn_ids", type_=ARRAY(Uuid)))

#: A turn may end before it is queued: cancelled, expired, failed.
DROP_UNNEEDED = text(
    """
    DELETE FROM turn_pictures USING turns
    WHERE turns.id = turn_pictures.turn_id AND turns.status <> 'received'
    """
)


async def take_pictures(
    connection: AsyncConnection, turn_ids: Sequence[UUID]
) -> dict[UUID, tuple[Picture, ...]]:
    """The pictures of each turn, in order; with the caller's commit the job alone has them."""
    rows = (await connection.execute(TAKE, {"turn_ids": list(turn_ids)})).all()
    taken: defaultdict[UUID, tuple[Picture, ...]] = defaultdict(tuple)
    for row in sorted(rows, key=attrgetter("position")):
        taken[row.turn_id] += (Picture(row.media_type, b64encode(row.data).decode()),)
    return taken


async def drop_unneeded(connection: AsyncConnection) -> int:
    """Delete the pictures of turns that wait no longer; their number."""
    return (await connection.execute(DROP_UNNEEDED)).rowcount
