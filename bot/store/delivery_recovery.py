"""Recovery of orphaned deliveries (dead processes, unanswered claims) and expiry of overdue ones.

An answer that may have been shown is never sent again blindly; one that certainly was not is. Each
statement takes a RowFilter, so that a row at fault does not stop the others' recovery.
"""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import Uuid, bindparam
from sqlalchemy.dialects.postgresql import ARRAY

from bot.store.delivery_outcomes import CLAIMS_INTO_LEDGER
from bot.store.row_filter import ALL_ROWS, FilteredStatement, RowFilter
from runtime.direct import AnyConnection

#: The time after the sync window at which an open webhook counts as dead.
ORPHAN_S = 5
#: The time after a turn's expiry for its apology to go out; Slack's URLs have two minutes left.
APOLOGY_S = 60
#: The maximum of rows tried one by one after a fault; the rest follows with the next sweep.
MAX_FOUND = 200

_LOST = f"""((state = 'sending' AND claimed_until < now())
           OR (state = 'pending' AND via = 'sync'
               AND not_before < now() - make_interval(secs => {ORPHAN_S}))) {{rows}}"""

#: Recovers open windows and unrecorded claims of dead processes. A callback URL takes one POST and
#: refuses the second, so within its budget a dead process's callback is posted again.
RECOVER = FilteredStatement(
    f"""
    WITH recovered AS (
        UPDATE deliveries
        SET via = CASE WHEN via = 'sync' AND callback_until > now() THEN 'callback'
                       ELSE via END,
            state = CASE WHEN via IN ('sync', 'callback') AND callback_until > now() THEN 'pending'
                         WHEN via = 'post' THEN 'unconfirmed' ELSE 'held' END,
            detail = 'the process that was sending it died', updated_at = now()
        WHERE {_LOST}
        RETURNING turn_id, claim, via, state, detail, claimed_until
    ), kept AS (
        {CLAIMS_INTO_LEDGER} FROM recovered WHERE claim > 0
    )
    SELECT turn_id FROM recovered
    """
)
FIND_LOST = FilteredStatement(f"SELECT turn_id FROM deliveries WHERE {_LOST} LIMIT {MAX_FOUND}")

_CLAIMED_BY = "state = 'sending' AND claimed_by = ANY(:names) {rows}"
_NAMES = bindparam("names", type_=ARRAY(Uuid))

#: No request follows a claim whose commit got no answer, so the claim can be undone.
RELEASE_CLAIMS = FilteredStatement(
    f"""
    WITH released AS (
        UPDATE deliveries
        SET state = 'pending', attempts = attempts - 1, updated_at = now(),
            detail = 'not sent: Postgres did not answer its claim'
        WHERE {_CLAIMED_BY}
        RETURNING turn_id, claim, via, state, detail, claimed_until
    )
    {CLAIMS_INTO_LEDGER} FROM released RETURNING turn_id
    """,
    _NAMES,
)
FIND_CLAIMED_BY = FilteredStatement(
    f"SELECT turn_id FROM deliveries WHERE {_CLAIMED_BY} LIMIT {MAX_FOUND}", _NAMES
)

#: A pending delivery gets ``APOLOGY_S`` more: its turn expires at the same moment.
_OVERDUE = f"""((state = 'held' AND expires_at <= now())
           OR (state = 'pending' AND expires_at <= now() - make_interval(secs => {APOLOGY_S})))
          {{rows}}"""
EXPIRE = FilteredStatement(
    f"""
    WITH expired AS (
        UPDATE deliveries SET state = 'expired', updated_at = now() WHERE {_OVERDUE}
        RETURNING turn_id
    )
    SELECT count(*) AS expired FROM expired
    """
)
FIND_OVERDUE = FilteredStatement(
    f"SELECT turn_id FROM deliveries WHERE {_OVERDUE} LIMIT {MAX_FOUND}"
)


async def recover(connection: AnyConnection, rows: RowFilter = ALL_ROWS) -> int:
    """Recover the deliveries of dead processes; their number."""
    return len((await RECOVER.execute(connection, rows)).all())


async def find_lost(connection: AnyConnection, rows: RowFilter = ALL_ROWS) -> list[UUID]:
    """The turns whose delivery ``recover`` would change."""
    return list((await FIND_LOST.execute(connection, rows)).scalars())


async def release_claims(
    connection: AnyConnection, names: Iterable[UUID], rows: RowFilter = ALL_ROWS
) -> int:
    """Release the claims made under these names (``claim_due``); their number.

    Only for a process that sent nothing of them, within ``CLAIM_S`` of the claim.
    """
    released = await RELEASE_CLAIMS.execute(connection, rows, {"names": list(names)})
    return len(released.all())


async def find_claimed_by(
    connection: AnyConnection, names: Iterable[UUID], rows: RowFilter = ALL_ROWS
) -> list[UUID]:
    """The turns whose claim ``release_claims`` would release."""
    found = await FIND_CLAIMED_BY.execute(connection, rows, {"names": list(names)})
    return list(found.scalars())


async def expire(connection: AnyConnection, rows: RowFilter = ALL_ROWS) -> int:
    """Expire overdue deliveries; their number.

    A pending delivery gets ``APOLOGY_S`` more: its turn expires at the same moment, and the
    sentence about that still has to go out.
    """
    return int((await EXPIRE.execute(connection, rows)).one().expired)


async def find_overdue(connection: AnyConnection, rows: RowFilter = ALL_ROWS) -> list[UUID]:
    """The turns whose delivery ``expire`` would end."""
    return list((await FIND_OVERDUE.execute(connection, rows)).scalars())
