"""The pictures of turns: kept by the accept, taken by the job, and gone with it.

Only where an operator says so do they stay some days longer, and never longer than their turn.
"""

from __future__ import annotations

from base64 import b64encode
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from uuid import UUID

from sqlalchemy import Integer, Uuid, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from inference_queue.protocol import Picture
from runtime.direct import AnyConnection

_IDS = bindparam("turn_ids", type_=ARRAY(Uuid))
_DAYS = bindparam("days", type_=Integer)

TAKE = text(
    """
    DELETE FROM turn_pictures WHERE turn_id = ANY(:turn_ids)
    RETURNING turn_id, position, media_type, data
    """
).bindparams(_IDS)

TAKE_AND_KEEP = text(
    """
    UPDATE turn_pictures SET kept_until = now() + make_interval(days => :days)
    WHERE turn_id = ANY(:turn_ids)
    RETURNING turn_id, position, media_type, data
    """
).bindparams(_IDS, _DAYS)

#: A turn may end before it is queued: cancelled, expired, failed. What is kept beyond the days that
#: are set now was kept under an earlier setting.
DROP_UNNEEDED = text(
    """
    DELETE FROM turn_pictures USING turns
    WHERE turns.id = turn_pictures.turn_id AND (
        kept_until IS NULL AND turns.status <> 'received'
        OR kept_until <= now() OR kept_until > now() + make_interval(days => :days)
    )
    RETURNING turn_id
    """
).bindparams(_DAYS)

KEPT = text(
    """
    SELECT position FROM turn_pictures WHERE turn_id = :turn_id AND kept_until > now()
    ORDER BY position
    """
).bindparams(bindparam("turn_id", type_=Uuid))

FIND = text(
    """
    SELECT media_type, data FROM turn_pictures
    WHERE turn_id = :turn_id AND position = :position AND kept_until > now()
    """
).bindparams(bindparam("turn_id", type_=Uuid), bindparam("position", type_=Integer))


@dataclass(frozen=True, slots=True)
class KeptPicture:
    """A picture that an operator keeps."""

    media_type: str
    content: bytes


async def take_pictures(
    connection: AnyConnection, turn_ids: Sequence[UUID], *, kept_days: int = 0
) -> dict[UUID, tuple[Picture, ...]]:
    """The pictures of each turn, in order; with the caller's commit the job alone has them.

    ``kept_days``: they stay so long beside it, for operators; 0: they do not.
    """
    values: dict[str, object] = {"turn_ids": list(turn_ids)}
    if kept_days:
        rows = (await connection.execute(TAKE_AND_KEEP, {**values, "days": kept_days})).all()
    else:
        rows = (await connection.execute(TAKE, values)).all()
    taken: defaultdict[UUID, tuple[Picture, ...]] = defaultdict(tuple)
    for row in sorted(rows, key=attrgetter("position")):
        taken[row.turn_id] += (Picture(row.media_type, b64encode(row.data).decode()),)
    return taken


async def drop_unneeded(connection: AnyConnection, *, kept_days: int = 0) -> int:
    """Delete those of turns that wait no longer, and those kept long enough; their number."""
    return len((await connection.execute(DROP_UNNEEDED, {"days": kept_days})).all())


async def kept_positions(connection: AsyncConnection, turn_id: UUID) -> list[int]:
    """The places of the turn's pictures that are kept."""
    return list(await connection.scalars(KEPT, {"turn_id": turn_id}))


async def find_kept(
    connection: AsyncConnection, turn_id: UUID, position: int
) -> KeptPicture | None:
    """The picture; None where there is none any more."""
    found = (await connection.execute(FIND, {"turn_id": turn_id, "position": position})).first()
    return KeptPicture(found.media_type, bytes(found.data)) if found else None
