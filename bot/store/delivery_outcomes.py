"""The outcomes of deliveries, each with a row in the ledger ``delivery_attempts``."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Integer, Text, Uuid, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.deliveries import DeliveryState
from bot.domain.state_machine import delivery_before
from bot.store.delivery_claims import CLAIM_S, DeliveryClaim

#: The maximum of characters in a delivery's detail.
MAX_DETAIL_CHARS = 300
#: The head of a statement that adds to the ledger; a SELECT of these columns follows.
INTO_LEDGER = "INSERT INTO delivery_attempts (turn_id, claim, via, state, detail, claimed_at)"
#: The same with the SELECT; a FROM with the columns of ``deliveries`` follows.
CLAIMS_INTO_LEDGER = f"""{INTO_LEDGER}
    SELECT turn_id, claim, via, state, detail, claimed_until - make_interval(secs => {CLAIM_S})"""

_RECORDED = """recorded AS (
        UPDATE deliveries
        SET state = :state, detail = :detail, updated_at = now(),
            not_before = now() + make_interval(secs => :retry_in_s),
            attempts = attempts - :returned,
            delivered_at = CASE WHEN :state = 'delivered' THEN now() END
        WHERE turn_id = :turn_id AND claim = :claim AND state = ANY(:sources)
        RETURNING turn_id, claim, via, state, detail, claimed_until
    )"""
_SOURCES = bindparam("sources", type_=ARRAY(Text))
_RETURNED = bindparam("returned", type_=Integer)

#: The outcome of a claim, into the delivery and the ledger.
RECORD = text(f"WITH {_RECORDED} {CLAIMS_INTO_LEDGER} FROM recorded").bindparams(
    _SOURCES, _RETURNED
)

#: The same for an answer that carried expiry notices of other turns. Two answers may carry the same
#: notice at once: neither waits for the other's row.
RECORD_WITH_EXPIRY_NOTICES = text(
    f"""
    WITH {_RECORDED}, unnotified AS (
        SELECT turn_id FROM deliveries WHERE turn_id = ANY(:notified_turn_ids) AND NOT expiry_told
        FOR UPDATE SKIP LOCKED
    ), notified AS (
        UPDATE deliveries SET expiry_told = true
        FROM unnotified WHERE deliveries.turn_id = unnotified.turn_id
    )
    {CLAIMS_INTO_LEDGER} FROM recorded
    """
).bindparams(_SOURCES, _RETURNED, bindparam("notified_turn_ids", type_=ARRAY(Uuid)))

#: A delivery that the database refuses to claim becomes a dead letter: it was never sent.
BURY = text(
    f"""
    WITH buried AS (
        UPDATE deliveries SET state = 'failed', detail = :detail, updated_at = now()
        WHERE turn_id = :turn_id AND state = 'pending'
        RETURNING turn_id, claim, via, state, detail
    )
    {INTO_LEDGER}
    SELECT turn_id, claim, via, state, detail, now() FROM buried
    """
)


async def record(
    connection: AsyncConnection,
    claimed: DeliveryClaim,
    state: DeliveryState,
    *,
    detail: str = "",
    retry_in_s: float = 0.0,
    counts: bool = True,
    notified_turn_ids: Sequence[UUID] = (),
) -> bool:
    """Write the outcome of a claim into the delivery and the ledger; False: the claim was lost.

    ``counts``: False where nothing was sent, and the attempt is given back.
    A late DELIVERED, of a process that counted as dead, is accepted until the next claim.
    ``notified_turn_ids``: expired turns whose notice the shown answer carried; they are stored
    even where the claim was lost, because the person has seen them.
    """
    shown = state is DeliveryState.DELIVERED
    values = {
        "turn_id": claimed.turn_id,
        "claim": claimed.number,
        "state": state.value,
        "detail": detail[:MAX_DETAIL_CHARS],
        "retry_in_s": retry_in_s,
        "returned": 0 if counts else 1,
        "sources": delivery_before(state) if shown else [DeliveryState.SENDING.value],
    }
    if notified_turn_ids:
        notified = {"notified_turn_ids": [*notified_turn_ids]}
        recorded = await connection.execute(RECORD_WITH_EXPIRY_NOTICES, values | notified)
    else:
        recorded = await connection.execute(RECORD, values)
    return bool(recorded.rowcount == 1)


async def bury(connection: AsyncConnection, turn_id: UUID, detail: str) -> bool:
    """Make a pending delivery a dead letter, with a row in the ledger; False: it is not pending."""
    values = {"turn_id": turn_id, "detail": detail[:MAX_DETAIL_CHARS]}
    return bool((await connection.execute(BURY, values)).rowcount == 1)
