"""The end of sync windows: the pending delivery takes its next route."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Double, Text, Uuid, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY

from bot.domain.deliveries import DeliveryState, DeliveryVia
from runtime.direct import AnyConnection

#: Closes many sync windows at once: most of Kakao's webhooks end here, often in bursts.
CLOSE_SYNC_WINDOWS = text(
    """
    UPDATE deliveries
    SET via = next.via, state = next.state, updated_at = now(),
        not_before = now() + make_interval(secs => next.after_s)
    FROM unnest(:turn_ids, :vias, :states, :waits) AS next (turn_id, via, state, after_s)
    WHERE deliveries.turn_id = next.turn_id
      AND deliveries.state = 'pending' AND deliveries.via = 'sync'
    RETURNING next.turn_id
    """
).bindparams(
    bindparam("turn_ids", type_=ARRAY(Uuid)),
    bindparam("vias", type_=ARRAY(Text)),
    bindparam("states", type_=ARRAY(Text)),
    bindparam("waits", type_=ARRAY(Double)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseSyncWindow:
    """The end of one sync window, and the next route."""

    turn_id: UUID
    via: DeliveryVia
    state: DeliveryState
    after_s: float = 0.0  #: earliest start of the next route, from now


async def close_sync_windows(
    connection: AnyConnection, windows: Sequence[CloseSyncWindow]
) -> list[bool]:
    """Close each sync window and set its next route; False where it was closed already.

    At most one window per turn.
    """
    values = {
        "turn_ids": [window.turn_id for window in windows],
        "vias": [window.via.value for window in windows],
        "states": [window.state.value for window in windows],
        "waits": [window.after_s for window in windows],
    }
    closed = {row.turn_id for row in await connection.execute(CLOSE_SYNC_WINDOWS, values)}
    return [window.turn_id in closed for window in windows]
