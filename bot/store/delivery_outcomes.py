"""The outcomes of deliveries, each with a row in the ledger ``delivery_attempts``."""

from __future__ import annotations

import itertools
from typing import Any
from uuid import UUID

from sqlalchemy import Integer, Text, TextClause, Uuid, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.conversation_events import EventKind
from bot.domain.deliveries import NOTHING_SEEN, DeliveryState, Seen
from bot.domain.state_machine import delivery_before
from bot.store.delivery_claims import CLAIM_S, DeliveryClaim
from bot.store.posts import FINISH, FINISH_VALUES, finish_values
from runtime.direct import AnyConnection

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

#: The expiry notices of other turns that the answer carried. Two answers may carry the same notice
#: at once: neither waits for the other's row.
_NOTIFIED = """, unnotified AS (
        SELECT turn_id FROM deliveries WHERE turn_id = ANY(:expired) AND NOT expiry_told
        FOR UPDATE SKIP LOCKED
    ), notified AS (
        UPDATE deliveries SET expiry_told = true
        FROM unnotified WHERE deliveries.turn_id = unnotified.turn_id
    )"""
#: The proof that the person was told that an AI answers, and in which words.
_TOLD = f""", told AS (
        INSERT INTO conversation_events (conversation_id, kind, detail)
        SELECT turns.conversation_id, '{EventKind.AI_NOTICE}',
            jsonb_build_object('version', CAST(:notice_version AS text), 'turn', turns.id)
        FROM recorded JOIN turns ON turns.id = recorded.turn_id
        WHERE recorded.state = 'delivered'
    )"""


#: The last message is whole, whoever has the claim.
_FINISHED = f""", finished AS ({FINISH})"""


def _record_statement(*, expiry_notices: bool, ai_notice: bool, finishes: bool) -> TextClause:
    """The outcome of a claim, into the delivery and the ledger, with what else was shown."""
    parts = {_NOTIFIED: expiry_notices, _TOLD: ai_notice, _FINISHED: finishes}
    also = "".join(part for part, wanted in parts.items() if wanted)
    statement = text(f"WITH {_RECORDED}{also} {CLAIMS_INTO_LEDGER} FROM recorded RETURNING turn_id")
    notified = [bindparam("expired", type_=ARRAY(Uuid))] if expiry_notices else []
    finished = FINISH_VALUES if finishes else ()
    return statement.bindparams(_SOURCES, _RETURNED, *notified, *finished)


#: By whether the answer carried expiry notices, and the notice that an AI answers, and whether it
#: finished a message.
_RECORD = {
    (expiry, ai, finishes): _record_statement(
        expiry_notices=expiry, ai_notice=ai, finishes=finishes
    )
    for expiry, ai, finishes in itertools.product((False, True), repeat=3)
}

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
    connection: AnyConnection,
    claimed: DeliveryClaim,
    state: DeliveryState,
    *,
    detail: str = "",
    retry_in_s: float = 0.0,
    counts: bool = True,
    seen: Seen = NOTHING_SEEN,
) -> bool:
    """Write the outcome of a claim into the delivery and the ledger; False: the claim was lost.

    ``counts``: False where nothing was sent, and the attempt is given back.
    A late DELIVERED, of a process that counted as dead, is accepted until the next claim.
    ``seen``: with the shown answer; notices of expired turns and the last message are recorded
    even where the claim was lost, because the person has seen them.
    """
    shown = state is DeliveryState.DELIVERED
    values: dict[str, Any] = {
        "turn_id": claimed.turn_id,
        "claim": claimed.number,
        "state": state.value,
        "detail": detail[:MAX_DETAIL_CHARS],
        "retry_in_s": retry_in_s,
        "returned": 0 if counts else 1,
        "sources": delivery_before(state) if shown else [DeliveryState.SENDING.value],
    }
    if seen.expired:
        values["expired"] = [*seen.expired]
    if seen.notice_version:
        values["notice_version"] = seen.notice_version
    if seen.finished:
        values |= finish_values(seen.finished)
    statement = _RECORD[bool(seen.expired), bool(seen.notice_version), bool(seen.finished)]
    return (await connection.execute(statement, values)).first() is not None


async def bury(connection: AsyncConnection, turn_id: UUID, detail: str) -> bool:
    """Make a pending delivery a dead letter, with a row in the ledger; False: it is not pending."""
    values = {"turn_id": turn_id, "detail": detail[:MAX_DETAIL_CHARS]}
    return bool((await connection.execute(BURY, values)).rowcount == 1)
