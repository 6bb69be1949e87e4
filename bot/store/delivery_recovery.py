"""Deliveries that nobody holds any more: of dead processes, of lost claims, past their time.

What may have been shown is never sent again blindly; what surely was not, is.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import Uuid, bindparam, func, text, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.deliveries import DeliveryState
from bot.store.deliveries import CLAIMS_INTO_LEDGER
from bot.store.schema import deliveries

#: How long after the sync window an open webhook is taken for dead.
ORPHAN_S = 5
#: How long after its turn's end an apology may still go out; Slack's URLs have two minutes left.
APOLOGY_S = 60

#: Of a dead process: a window nobody closed, a claim nobody recorded. A callback URL takes one POST
#: and refuses the second, so within its budget a dead process's callback is posted again.
RECOVER = text(
    f"""
    WITH recovered AS (
        UPDATE deliveries
        SET via = CASE WHEN via = 'sync' AND callback_until > now() THEN 'callback'
                       ELSE via END,
            state = CASE WHEN via IN ('sync', 'callback') AND callback_until > now() THEN 'pending'
                         WHEN via = 'post' THEN 'unconfirmed' ELSE 'held' END,
            detail = 'the process that was sending it died', updated_at = now()
        WHERE (state = 'sending' AND claimed_until < now())
           OR (state = 'pending' AND via = 'sync'
               AND not_before < now() - make_interval(secs => {ORPHAN_S}))
        RETURNING turn_id, claim, via, state, detail, claimed_until
    ), kept AS (
        {CLAIMS_INTO_LEDGER} FROM recovered WHERE claim > 0
    )
    SELECT turn_id FROM recovered
    """
)

#: A claim whose commit got no answer was followed by no request.
GIVE_BACK = text(
    f"""
    WITH given_back AS (
        UPDATE deliveries
        SET state = 'pending', attempts = attempts - 1, updated_at = now(),
            detail = 'not sent: Postgres did not answer its claim'
        WHERE state = 'sending' AND claimed_by = ANY(:names)
        RETURNING turn_id, claim, via, state, detail, claimed_until
    )
    {CLAIMS_INTO_LEDGER} FROM given_back
    """
).bindparams(bindparam("names", type_=ARRAY(Uuid)))


async def recover(connection: AsyncConnection) -> int:
    """Take over what dead processes left on the wire; how many there were."""
    return len((await connection.execute(RECOVER)).all())


async def give_back(connection: AsyncConnection, names: Iterable[UUID]) -> int:
    """Let go of what was claimed under these names (``claim_due``); how many there were.

    Only for who sent none of it, and within ``CLAIM_S`` of its claim.
    """
    return int((await connection.execute(GIVE_BACK, {"names": list(names)})).rowcount)


async def expire(connection: AsyncConnection) -> int:
    """End deliveries nobody came for in time.

    One that is still to be sent gets ``APOLOGY_S`` more: its turn expires at the same moment,
    and the person is to be told.
    """
    held = deliveries.c.state == DeliveryState.HELD.value
    pending = deliveries.c.state == DeliveryState.PENDING.value
    changed = await connection.execute(
        update(deliveries)
        .where(
            (held & (deliveries.c.expires_at <= func.now()))
            | (pending & (deliveries.c.expires_at <= func.now() - _seconds(APOLOGY_S)))
        )
        .values(state=DeliveryState.EXPIRED.value, updated_at=func.now())
    )
    return int(changed.rowcount)


def _seconds(seconds: float) -> Any:
    return func.make_interval(0, 0, 0, 0, 0, 0, seconds)
