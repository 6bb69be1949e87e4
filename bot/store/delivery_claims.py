"""Claims: the right to put one turn's outcome on the wire.

A delivery is claimed before anything goes on the wire; sync, callback, post and hold compete for
the same claim. The claim's number fences its outcome.

A claim of a post that its messenger may find afterwards is marked with its number, so the mark is
true even if its process dies before it tells the outcome (``reconciliation``). The schema's columns
call such a lookup a trace.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import Text, Uuid, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.deliveries import DeliveryState, DeliveryVia
from bot.domain.turns import SETTLED
from bot.store.row_filter import ALL_ROWS, FilteredStatement, RowFilter
from bot.store.turn_outcomes import OUTCOME_COLUMNS, TurnOutcome, outcome_from_row
from runtime.direct import AnyConnection

#: A claim older than this belongs to a process that died; on the wire it takes 10 s at most.
CLAIM_S = 15
#: The longest that a POST may end after its claim: a claim lasts 15 s, and a POST that starts at
#: its very end takes ten more. A lookup comes after it.
RECONCILE_DELAY_S = 30
#: The maximum of attempts for one delivery.
MAX_ATTEMPTS = 6
#: The number of earlier turns searched for an unsent answer. Each unsent answer holds up the next
#: one, so the order is kept over any distance.
LOOK_BACK = 50
_SETTLED_SQL = ", ".join(f"'{status}'" for status in sorted(SETTLED))

#: Statements are built once: building one for each delivery takes longer than sending it.
CLAIM_ONE = (
    text(
        f"""
    WITH claimed AS (
        UPDATE deliveries
        SET state = 'sending', via = :via, claim = claim + 1, attempts = attempts + 1,
            updated_at = now(), claimed_until = now() + make_interval(secs => {CLAIM_S}),
            claimed_by = NULL
        WHERE turn_id = :turn_id AND state = ANY(:states) AND via = coalesce(:was, via)
        RETURNING turn_id, via, claim, attempts
    )
    SELECT via, claim, attempts, false AS marked, {OUTCOME_COLUMNS}
    FROM claimed JOIN turns ON turns.id = turn_id
    """
    )
    .bindparams(bindparam("states", type_=ARRAY(Text)), bindparam("was", type_=Text))
    .columns(reply_handle=JSONB)
)

#: Of a pending delivery: no webhook or button has to fetch it, and its time has come.
GOES_OUT_NOW = "via IN ('callback', 'post') AND not_before <= now()"
#: Due deliveries. Posted answers go one by one, in their conversation's order; each callback
#: answers a message of its own and is valid for a minute, so it waits for no other.
_DUE = f"""
        SELECT turn_id FROM deliveries JOIN {{turns}} ON turns.id = turn_id
        WHERE {{state}} = 'pending' AND {GOES_OUT_NOW}
          AND (turns.status IN ({_SETTLED_SQL}) OR callback_until <= now())
          AND turns.messenger <> ALL(:without)
          AND NOT (via = 'post' AND EXISTS (
            SELECT 1 FROM (
                SELECT id FROM turns AS earlier
                WHERE earlier.conversation_id = turns.conversation_id AND earlier.seq < turns.seq
                ORDER BY earlier.seq DESC LIMIT {LOOK_BACK}
            ) AS earlier
            WHERE (
                SELECT unsent.state IN ('pending', 'sending') AND unsent.via = 'post'
                FROM deliveries AS unsent WHERE unsent.turn_id = earlier.id
            )
          ))
          {{rows}}
        ORDER BY not_before"""
#: For a few named rows the expression defeats the partial index: its statistics lag, so Postgres
#: underestimates its size.
_INDEXED_STATE = {"turns": "turns", "now": "now()", "state": "state"}
_UNINDEXED_STATE = {**_INDEXED_STATE, "state": "(state || '')"}
_WITHOUT = bindparam("without", type_=ARRAY(Text))
#: Messengers that may find a post afterwards.
MARKING = bindparam("marking", type_=ARRAY(Text))
_MARKED = "deliveries.messenger = ANY(:marking) AND via = 'post'"
_CLAIMED = f"""due AS (
        {_DUE}
        FOR UPDATE OF deliveries SKIP LOCKED
        LIMIT :limit
    ), claimed AS (
        UPDATE deliveries
        SET state = 'sending', claim = claim + 1, attempts = attempts + 1, updated_at = now(),
            claimed_until = {{now}} + make_interval(secs => {CLAIM_S}), claimed_by = :name,
            trace_claim = CASE WHEN {_MARKED} THEN claim + 1 END, traces = 0,
            trace_at = CASE WHEN {_MARKED}
                THEN {{now}} + make_interval(secs => {RECONCILE_DELAY_S}) END
        FROM due WHERE deliveries.turn_id = due.turn_id
        RETURNING deliveries.turn_id, via, claim, attempts, trace_claim IS NOT NULL AS marked
    )"""
CLAIM_DUE = FilteredStatement(
    f"""
    WITH {_CLAIMED}
    SELECT via, claim, attempts, marked, {OUTCOME_COLUMNS}
    FROM claimed JOIN turns ON turns.id = turn_id
    """,
    bindparam("name", type_=Uuid),
    _WITHOUT,
    MARKING,
    columns={"reply_handle": JSONB()},
    fragments=_INDEXED_STATE,
    only_fragments=_UNINDEXED_STATE,
)
#: The same as a part of the statement that settles the turns, for what it calls ``settled``. A
#: cancelled turn's delivery may end in it, and is left to ``CLAIM_DUE``. The claim begins when it
#: is made: the statement may have waited for a conversation.
CLAIM_SETTLED = _CLAIMED.format(
    turns="settled AS turns",
    now="clock_timestamp()",
    state=_UNINDEXED_STATE["state"],
    rows="AND turns.status <> 'cancelled'",
)
#: The same rows, not claimed: where claiming them together fails, each is claimed alone.
FIND_DUE = FilteredStatement(
    f"{_DUE} LIMIT :limit",
    _WITHOUT,
    fragments=_INDEXED_STATE,
    only_fragments=_UNINDEXED_STATE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimRequest:
    """What a settlement may claim of its deliveries, at once."""

    name: UUID  #: unique to the request: an unanswered claim is released by it
    limit: int
    without: Collection[str] = ()  #: messengers whose deliveries stay pending
    marking: Collection[str] = ()  #: messengers whose posts are marked
    began: float = field(default_factory=time.monotonic)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryClaim:
    """The right to put one turn's outcome on the wire."""

    turn: TurnOutcome
    via: DeliveryVia
    number: int  #: fences the outcome
    attempts: int
    marked: bool = False  #: the post is looked up if its outcome stays unknown
    #: Before its statement: a bot that is frozen reads the answer at any later time.
    taken_at: float = field(default_factory=time.monotonic)

    @property
    def turn_id(self) -> UUID:
        """The claimed turn."""
        return self.turn.id

    @property
    def is_stale(self) -> bool:
        """Whether its process counts as dead: nothing more may be sent."""
        return time.monotonic() - self.taken_at >= CLAIM_S


async def claim(
    connection: AnyConnection,
    turn_id: UUID,
    *,
    via: DeliveryVia,
    states: tuple[DeliveryState, ...],
    was: DeliveryVia | None = None,
) -> DeliveryClaim | None:
    """Claim one delivery in one of ``states``, on the route ``was`` if given; None: no such row."""
    values = {
        "turn_id": turn_id,
        "via": via.value,
        "states": [*states],
        "was": was.value if was else None,
    }
    began = time.monotonic()
    row = (await connection.execute(CLAIM_ONE, values)).one_or_none()
    return claim_from_row(row, began) if row else None


async def claim_due(
    connection: AnyConnection,
    limit: int,
    rows: RowFilter = ALL_ROWS,
    *,
    without: Collection[str] = (),
    marking: Collection[str] = (),
    name: UUID | None = None,
) -> list[DeliveryClaim]:
    """Claim due deliveries: of settled turns, and callbacks at the end of their budget.

    Scans all pending deliveries; with ``rows.only``, no others than these, at a constant cost.
    ``without``: messengers whose deliveries stay pending. ``marking``: messengers whose posts are
    marked. ``name`` is unique to this call: an unanswered claim is released by it.
    """
    began = time.monotonic()
    values = {"limit": limit, "without": [*without], "marking": [*marking], "name": name}
    claimed = await CLAIM_DUE.execute(connection, rows, values)
    return [claim_from_row(row, began) for row in claimed]


async def find_due(
    connection: AsyncConnection,
    limit: int,
    rows: RowFilter = ALL_ROWS,
    *,
    without: Collection[str] = (),
) -> list[UUID]:
    """The turns that ``claim_due`` would claim. Read-only."""
    values = {"limit": limit, "without": [*without]}
    return list((await FIND_DUE.execute(connection, rows, values)).scalars())


def claim_from_row(row: Any, began: float) -> DeliveryClaim:
    """The claim in a row of ``via``, ``claim``, ``attempts``, ``marked`` and ``OUTCOME_COLUMNS``.

    ``began``: the time before its statement (``time.monotonic``).
    """
    return DeliveryClaim(
        turn=outcome_from_row(row),
        via=DeliveryVia(row.via),
        number=row.claim,
        attempts=row.attempts,
        marked=row.marked,
        taken_at=began,
    )
