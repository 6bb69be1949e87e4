"""Lookups of unconfirmed deliveries in Postgres: claims and outcomes.

Only a delivery whose last claim was marked is looked up. A lookup is claimed like a delivery; its
number fences its outcome.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB

from bot.domain.deliveries import DeliveryState, ReplyHandle
from bot.store.delivery_claims import CLAIM_S, DeliveryClaim
from bot.store.delivery_outcomes import INTO_LEDGER, MAX_DETAIL_CHARS
from bot.store.row_filter import ALL_ROWS, FilteredStatement, RowFilter
from bot.store.turn_outcomes import read_reply_handle
from runtime.direct import AnyConnection

#: A lookup older than this belongs to a process that died; it takes 50 s at most.
LOOKUP_S = 60
#: The maximum of rows tried one by one after a fault.
MAX_FOUND = 50

#: Renews the claim's time as well: nothing was shown yet, and the next route may take all of it.
UNMARK = text(
    f"""
    UPDATE deliveries
    SET trace_claim = NULL, trace_at = NULL,
        claimed_until = now() + make_interval(secs => {CLAIM_S})
    WHERE turn_id = :turn_id AND claim = :claim AND state = 'sending'
    RETURNING turn_id
    """
)

_DUE = """
        SELECT turn_id FROM deliveries
        WHERE state = 'unconfirmed' AND trace_claim = claim AND trace_at IS NOT NULL
          AND trace_at <= now() {rows}
        ORDER BY trace_at"""
CLAIM = FilteredStatement(
    f"""
    WITH due AS ({_DUE}
        FOR UPDATE SKIP LOCKED
        LIMIT 1
    )
    UPDATE deliveries
    SET traces = traces + 1, trace_at = now() + make_interval(secs => {LOOKUP_S}),
        updated_at = now()
    FROM due JOIN turns ON turns.id = due.turn_id
    WHERE deliveries.turn_id = due.turn_id
    RETURNING deliveries.turn_id, turns.messenger, reply_handle, claim, traces, attempts,
              deliveries.expires_at <= now() AS expired, now() AS began_at
    """,
    columns={"reply_handle": JSONB()},
)
FIND_DUE = FilteredStatement(f"{_DUE} LIMIT {MAX_FOUND}")

#: A delivery that is sent again takes a new number, which fences off every holder of the old one.
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
    RETURNING turn_id
    """
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconciliationClaim:
    """The right to settle one unconfirmed delivery."""

    turn_id: UUID
    messenger: str
    reply_handle: ReplyHandle
    claim: int  #: the number of the delivery's claim
    number: int  #: the number of the lookup, beginning with 1
    attempts: int  #: attempts of the delivery so far
    expired: bool  #: the answer has expired
    began_at: datetime


async def unmark(connection: AnyConnection, claim: DeliveryClaim) -> bool:
    """Remove the mark of a claim that takes another route, and renew the claim's time.

    False: the claim was lost.
    """
    values = {"turn_id": claim.turn_id, "claim": claim.number}
    return (await connection.execute(UNMARK, values)).first() is not None


async def claim_one(
    connection: AnyConnection, rows: RowFilter = ALL_ROWS
) -> ReconciliationClaim | None:
    """Claim the lookup that is due first; None: none is due."""
    row = (await CLAIM.execute(connection, rows)).one_or_none()
    if row is None:
        return None
    return ReconciliationClaim(
        turn_id=row.turn_id,
        messenger=row.messenger,
        reply_handle=read_reply_handle(row.turn_id, row.reply_handle),
        claim=row.claim,
        number=row.traces,
        attempts=row.attempts,
        expired=row.expired,
        began_at=row.began_at,
    )


async def find_due(connection: AnyConnection, rows: RowFilter = ALL_ROWS) -> list[UUID]:
    """The turns whose lookup is due, the first due first. Read-only."""
    return list((await FIND_DUE.execute(connection, rows)).scalars())


async def settle(
    connection: AnyConnection,
    claimed: ReconciliationClaim,
    state: DeliveryState,
    *,
    detail: str,
    again_in_s: float | None = None,
) -> bool:
    """Write a lookup's outcome into the delivery and the ledger; False: the claim was lost.

    ``again_in_s``: seconds until the next lookup of the delivery; None: never.
    """
    values = {
        "turn_id": claimed.turn_id,
        "claim": claimed.claim,
        "number": claimed.number,
        "state": state.value,
        "detail": detail[:MAX_DETAIL_CHARS],
        "again_in_s": again_in_s,
        "began_at": claimed.began_at,
    }
    return (await connection.execute(SETTLE, values)).first() is not None
