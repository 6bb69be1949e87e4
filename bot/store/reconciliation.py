"""Which deliveries went out unanswered and can be traced, who traces them, and what came of it.

A claim whose POST can be traced is marked with its own number before anything is sent, so that
whatever becomes of its process the mark is true. A trace is claimed as a delivery is; the number
of the trace fences its outcome.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.deliveries import DeliveryState
from bot.store.deliveries import CLAIM_S, INTO_LEDGER, DeliveryClaim

#: A POST may still be under way so long after its claim: a claim lasts 15 s, and one that is
#: begun at its very end takes ten more.
RECONCILE_DELAY_S = 30
#: A trace older than this belongs to a process that died; it takes 50 s at most.
TRACE_S = 60

MARK = text(
    f"""
    UPDATE deliveries
    SET trace_claim = claim, traces = 0,
        trace_at = now() + make_interval(secs => {RECONCILE_DELAY_S})
    WHERE turn_id = ANY(:turn_ids)
    """
)

#: Nothing was shown yet, and what follows can take as long as a claim once more.
UNMARK = text(
    f"""
    UPDATE deliveries
    SET trace_claim = NULL, trace_at = NULL,
        claimed_until = now() + make_interval(secs => {CLAIM_S})
    WHERE turn_id = :turn_id AND claim = :claim AND state = 'sending'
    """
)

CLAIM = text(
    f"""
    WITH due AS (
        SELECT turn_id FROM deliveries
        WHERE state = 'unconfirmed' AND trace_claim = claim AND trace_at IS NOT NULL
          AND trace_at <= now()
        ORDER BY trace_at
        FOR UPDATE SKIP LOCKED
        LIMIT 1
    )
    UPDATE deliveries
    SET traces = traces + 1, trace_at = now() + make_interval(secs => {TRACE_S}),
        updated_at = now()
    FROM due JOIN turns ON turns.id = due.turn_id
    WHERE deliveries.turn_id = due.turn_id
    RETURNING deliveries.turn_id, turns.messenger, reply_handle, claim, traces, attempts,
              deliveries.expires_at <= now() AS expired, now() AS began_at
    """
)

#: A delivery that is sent again takes a new number, so that nobody who held the old one has a say.
SETTLE = text(
    f"""
    WITH settled AS (
        UPDATE deliveries
        SET state = :state, detail = :detail, not_before = now(), updated_at = now(),
            claim = claim + CASE WHEN :state = 'pending' THEN 1 ELSE 0 END,
            delivered_at = CASE WHEN :state = 'delivered' THEN now() END,
            trace_at = now() + make_interval(secs => :again_in_s)
        WHERE turn_id = :turn_id AND state = 'unconfirmed' AND claim = :claim AND traces = :number
        RETURNING turn_id, via, state, detail
    )
    {INTO_LEDGER}
    SELECT turn_id, :claim, via, state, detail, :began_at FROM settled
    """
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconciliationClaim:
    """The right to say what became of one unconfirmed delivery."""

    turn_id: UUID
    messenger: str
    reply_handle: dict[str, Any]
    claim: int  #: of the delivery that is traced
    number: int  #: of the trace, beginning with 1
    attempts: int  #: of the delivery, so far
    expired: bool  #: the answer is worthless by now
    began_at: datetime


async def mark(connection: AsyncConnection, claims: Sequence[DeliveryClaim]) -> None:
    """Say of claims just taken, in their own transaction, that their POSTs can be traced."""
    await connection.execute(MARK, {"turn_ids": [claim.turn_id for claim in claims]})


async def unmark(connection: AsyncConnection, claim: DeliveryClaim) -> bool:
    """Say that a claim will go another way, with its time begun anew; False: it was taken away."""
    values = {"turn_id": claim.turn_id, "claim": claim.number}
    return bool((await connection.execute(UNMARK, values)).rowcount == 1)


async def claim_one(connection: AsyncConnection) -> ReconciliationClaim | None:
    """Claim the trace that is due first; None: there is nothing to trace."""
    row = (await connection.execute(CLAIM)).one_or_none()
    if row is None:
        return None
    return ReconciliationClaim(
        turn_id=row.turn_id,
        messenger=row.messenger,
        reply_handle=row.reply_handle,
        claim=row.claim,
        number=row.traces,
        attempts=row.attempts,
        expired=row.expired,
        began_at=row.began_at,
    )


async def settle(
    connection: AsyncConnection,
    claimed: ReconciliationClaim,
    state: DeliveryState,
    *,
    detail: str,
    again_in_s: float | None = None,
) -> bool:
    """Write what a trace found into the delivery and the ledger; False: it was taken away.

    ``again_in_s``: when the delivery is traced once more; None: never.
    """
    values = {
        "turn_id": claimed.turn_id,
        "claim": claimed.claim,
        "number": claimed.number,
        "state": state.value,
        "detail": detail[:300],
        "again_in_s": again_in_s,
        "began_at": claimed.began_at,
    }
    return bool((await connection.execute(SETTLE, values)).rowcount == 1)
