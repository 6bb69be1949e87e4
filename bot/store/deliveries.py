"""The delivery of each turn in Postgres: who may send, and what came of it.

A delivery is claimed before anything goes on the wire; sync, callback, post and hold compete for
the same claim. The claim's number fences its outcome.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import Double, Row, Text, Uuid, bindparam, case, func, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.deliveries import DeliveryState, DeliveryVia, ReplyHandle
from bot.domain.state_machine import delivery_before
from bot.domain.turns import SETTLED, TurnStatus
from bot.store.reply_handles import load_handle
from bot.store.row_filter import ALL_ROWS, FilteredStatement, RowFilter
from bot.store.schema import deliveries, turns
from inference_queue.protocol import FailureReason

log = structlog.get_logger(__name__)

#: A claim older than this belongs to a process that died; on the wire it takes 10 s at most.
CLAIM_S = 15
#: The maximum of attempts for one delivery.
MAX_ATTEMPTS = 6
#: Two presses of a button closer to each other are one. Whoever got no response learns of it from
#: Kakao after five seconds.
AGAIN_AFTER_S = 3.0
#: So many turns back an unsent answer is looked for: it holds up the next one, that one the next,
#: so the order is kept however far back the first is.
LOOK_BACK = 50
#: The maximum of earlier answers offered beside a new one.
MAX_OFFERED = 3
#: The maximum of characters in a delivery's detail.
MAX_DETAIL_CHARS = 300
#: Deliveries that only an operator's decision moves again.
DEAD_LETTERS = (DeliveryState.UNCONFIRMED, DeliveryState.FAILED)
#: A row of the ledger, from a statement that gives these.
INTO_LEDGER = "INSERT INTO delivery_attempts (turn_id, claim, via, state, detail, claimed_at)"
#: The same of claims, whose columns are those of ``deliveries``.
CLAIMS_INTO_LEDGER = f"""{INTO_LEDGER}
    SELECT turn_id, claim, via, state, detail, claimed_until - make_interval(secs => {CLAIM_S})"""
_SETTLED_SQL = ", ".join(f"'{status}'" for status in sorted(SETTLED))

#: The columns of a TurnOutcome; not all of the turn, whose search index alone is longer.
_OUTCOME = """
    turns.id, turns.conversation_id, turns.seq, turns.messenger, turns.status, turns.job_id,
    turns.answer, turns.failure_reason, turns.reply_handle, EXISTS (
        SELECT 1 FROM turns AS earlier
        WHERE earlier.conversation_id = turns.conversation_id AND earlier.seq < turns.seq
          AND earlier.status = 'answered'
    ) AS answered_before
    """

#: The statements of every delivery stand here ready: building them anew takes longer than sending.
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
    SELECT via, claim, attempts, {_OUTCOME} FROM claimed JOIN turns ON turns.id = turn_id
    """
    )
    .bindparams(bindparam("states", type_=ARRAY(Text)), bindparam("was", type_=Text))
    .columns(reply_handle=JSONB)
)

#: What may go out now. Answers that are posted go one by one, in their conversation's order; each
#: callback answers a message of its own and is good for a minute, so it waits for no other.
_DUE = f"""
        SELECT turn_id FROM deliveries JOIN turns ON turns.id = turn_id
        WHERE {{state}} = 'pending' AND via IN ('callback', 'post') AND not_before <= now()
          AND (turns.status IN ({_SETTLED_SQL}) OR callback_until <= now())
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
#: The expression defeats the partial index, whose statistics lag: Postgres takes it for smaller
#: than it is.
_STATE_WORDS = {"state": "state"}
_STATE_WORDS_OF_FEW = {"state": "(state || '')"}
CLAIM_DUE = FilteredStatement(
    f"""
    WITH due AS (
        {_DUE}
        FOR UPDATE OF deliveries SKIP LOCKED
        LIMIT :limit
    ), claimed AS (
        UPDATE deliveries
        SET state = 'sending', claim = claim + 1, attempts = attempts + 1, updated_at = now(),
            claimed_until = now() + make_interval(secs => {CLAIM_S}), claimed_by = :name
        FROM due WHERE deliveries.turn_id = due.turn_id
        RETURNING deliveries.turn_id, via, claim, attempts
    )
    SELECT via, claim, attempts, {_OUTCOME} FROM claimed JOIN turns ON turns.id = turn_id
    """,
    bindparam("name", type_=Uuid),
    columns={"reply_handle": JSONB()},
    words=_STATE_WORDS,
    only_words=_STATE_WORDS_OF_FEW,
)
#: The same rows, not claimed: where claiming them together fails, each is claimed alone.
FIND_DUE = FilteredStatement(
    f"{_DUE} LIMIT :limit", words=_STATE_WORDS, only_words=_STATE_WORDS_OF_FEW
)

#: The outcome of a claim, into the delivery and the ledger.
_RECORDED = f"""
    WITH recorded AS (
        UPDATE deliveries
        SET state = :state, detail = :detail, updated_at = now(),
            not_before = now() + make_interval(secs => :retry_in_s),
            delivered_at = CASE WHEN :state = 'delivered' THEN now() END
        WHERE turn_id = :turn_id AND claim = :claim AND state = ANY(:sources)
        RETURNING turn_id, claim, via, state, detail, claimed_until
    ){{told}}
    {CLAIMS_INTO_LEDGER} FROM recorded
    """
RECORD = text(_RECORDED.format(told="")).bindparams(bindparam("sources", type_=ARRAY(Text)))
#: With the expiry notices that the answer carried. Two answers may carry the same notice at once:
#: neither waits for the other's row.
RECORD_TELLING = text(
    _RECORDED.format(
        told=""", unaware AS (
        SELECT turn_id FROM deliveries WHERE turn_id = ANY(:told) AND NOT expiry_told
        FOR UPDATE SKIP LOCKED
    ), told AS (
        UPDATE deliveries SET expiry_told = true
        FROM unaware WHERE deliveries.turn_id = unaware.turn_id
    )"""
    )
).bindparams(bindparam("sources", type_=ARRAY(Text)), bindparam("told", type_=ARRAY(Uuid)))

#: A dead letter of what the database refuses to claim: nothing of it was sent.
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

#: An answer that was fetched by its button, once more.
SHOW_AGAIN = text(
    f"""
    WITH again AS (
        UPDATE deliveries SET updated_at = now()
        WHERE turn_id = :turn_id AND state = 'delivered' AND via = 'held'
          AND updated_at < now() - make_interval(secs => {AGAIN_AFTER_S})
        RETURNING turn_id, claim, via, state
    )
    {INTO_LEDGER}
    SELECT turn_id, claim, via, state, 'asked for again', now() FROM again
    """
)

LOAD_OUTCOME = text(f"SELECT {_OUTCOME} FROM turns WHERE turns.id = :turn_id").columns(
    reply_handle=JSONB
)

#: The end of many sync windows: most of Kakao's webhooks come here, and bursts come together.
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
class TurnOutcome:
    """What delivering needs of a turn, settled or not."""

    id: UUID
    conversation_id: int
    seq: int
    messenger: str
    status: TurnStatus
    job_id: UUID | None
    answer: str | None
    failure_reason: FailureReason | None
    reply_handle: ReplyHandle
    answered_before: bool  #: the person knows already that an AI answers


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A row of ``deliveries``; bot/store/schema.py describes its columns. Times are aware UTC."""

    turn_id: UUID
    messenger: str
    via: DeliveryVia
    state: DeliveryState
    not_before: datetime
    callback_until: datetime | None
    expires_at: datetime
    claim: int
    claimed_until: datetime | None
    claimed_by: UUID | None
    attempts: int
    detail: str
    expiry_told: bool
    delivered_at: datetime | None
    updated_at: datetime
    trace_claim: int | None
    trace_at: datetime | None
    traces: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryClaim:
    """The right to put one turn's outcome on the wire."""

    turn: TurnOutcome
    via: DeliveryVia
    number: int  #: fences the outcome
    attempts: int
    reconcilable: bool = False  #: it is marked as one whose POST can be looked up
    taken_at: float = field(default_factory=time.monotonic)

    @property
    def turn_id(self) -> UUID:
        """The turn whose outcome it is."""
        return self.turn.id

    @property
    def is_stale(self) -> bool:
        """Whether others may take its process for dead: nothing more may be sent."""
        return time.monotonic() - self.taken_at >= CLAIM_S


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseSyncWindow:
    """The end of one sync window, and the route that is next."""

    turn_id: UUID
    via: DeliveryVia
    state: DeliveryState
    after_s: float = 0.0  #: not before so many seconds from now


async def claim(
    connection: AsyncConnection,
    turn_id: UUID,
    *,
    via: DeliveryVia,
    states: tuple[DeliveryState, ...],
    was: DeliveryVia | None = None,
) -> DeliveryClaim | None:
    """Claim one delivery that stands in ``states`` (and goes by ``was``); None: somebody has it."""
    values = {
        "turn_id": turn_id,
        "via": via.value,
        "states": [*states],
        "was": was.value if was else None,
    }
    row = (await connection.execute(CLAIM_ONE, values)).one_or_none()
    return _claim(row) if row else None


async def claim_due(
    connection: AsyncConnection,
    limit: int,
    rows: RowFilter = ALL_ROWS,
    *,
    name: UUID | None = None,
) -> list[DeliveryClaim]:
    """Claim what may go out now: settled turns, and callbacks whose budget is over.

    All pending deliveries are looked at, or those of ``rows`` only, which costs nothing however
    many wait. Under its ``name``, of this call alone, a claim that got no answer can be released.
    """
    claimed = await CLAIM_DUE.execute(connection, rows, {"limit": limit, "name": name})
    return [_claim(row) for row in claimed]


async def find_due(
    connection: AsyncConnection, limit: int, rows: RowFilter = ALL_ROWS
) -> list[UUID]:
    """The turns that ``claim_due`` would claim; nothing is written."""
    return list((await FIND_DUE.execute(connection, rows, {"limit": limit})).scalars())


async def record(
    connection: AsyncConnection,
    claimed: DeliveryClaim,
    state: DeliveryState,
    *,
    detail: str = "",
    retry_in_s: float = 0.0,
    told: Sequence[UUID] = (),
) -> bool:
    """Write the outcome of a claim into the delivery and the ledger; False: it was taken away.

    A process taken for dead that says later that the person saw it is believed, as long as nobody
    has claimed the delivery since. ``told``: expired turns that the shown answer told the person
    of; that they know stays true whoever holds the claim.
    """
    seen = state is DeliveryState.DELIVERED
    values = {
        "turn_id": claimed.turn_id,
        "claim": claimed.number,
        "state": state.value,
        "detail": detail[:MAX_DETAIL_CHARS],
        "retry_in_s": retry_in_s,
        "sources": delivery_before(state) if seen else [DeliveryState.SENDING.value],
    }
    if told:
        recorded = await connection.execute(RECORD_TELLING, values | {"told": [*told]})
    else:
        recorded = await connection.execute(RECORD, values)
    return bool(recorded.rowcount == 1)


async def bury(connection: AsyncConnection, turn_id: UUID, detail: str) -> bool:
    """Make a pending delivery a dead letter, with a row in the ledger; False: it is not pending."""
    values = {"turn_id": turn_id, "detail": detail[:MAX_DETAIL_CHARS]}
    return bool((await connection.execute(BURY, values)).rowcount == 1)


async def show_again(connection: AsyncConnection, turn_id: UUID) -> bool:
    """Whether an answer fetched by its button may be shown once more, and note that it was.

    Its first response may have been lost on its way, which nobody is told; who asks again has not
    seen it. Two presses within ``AGAIN_AFTER_S`` are one.
    """
    return bool((await connection.execute(SHOW_AGAIN, {"turn_id": turn_id})).rowcount == 1)


async def close_sync_windows(
    connection: AsyncConnection, windows: Sequence[CloseSyncWindow]
) -> list[bool]:
    """Close each sync window and name the next route; False where it was closed already.

    No two of them may be of one turn.
    """
    values = {
        "turn_ids": [window.turn_id for window in windows],
        "vias": [window.via.value for window in windows],
        "states": [window.state.value for window in windows],
        "waits": [window.after_s for window in windows],
    }
    closed = set((await connection.execute(CLOSE_SYNC_WINDOWS, values)).scalars())
    return [window.turn_id in closed for window in windows]


async def find(connection: AsyncConnection, turn_id: UUID) -> Delivery | None:
    """The turn's delivery."""
    found = await connection.execute(select(deliveries).where(deliveries.c.turn_id == turn_id))
    row = found.one_or_none()
    if row is None:
        return None
    typed = {"via": DeliveryVia(row.via), "state": DeliveryState(row.state)}
    return Delivery(**{**row._mapping, **typed})


async def earlier_held(
    connection: AsyncConnection, conversation_id: int, before_seq: int
) -> list[UUID]:
    """The newest turns whose answer is ready and waits for its button."""
    rows = await connection.execute(
        select(turns.c.id)
        .join(deliveries)
        .where(
            turns.c.conversation_id == conversation_id,
            turns.c.seq < before_seq,
            turns.c.status.in_([status.value for status in SETTLED]),
            deliveries.c.state == DeliveryState.HELD.value,
            deliveries.c.expires_at > func.now(),
        )
        .order_by(turns.c.seq.desc())
        .limit(MAX_OFFERED)
    )
    return list(rows.scalars())


async def expired_untold(connection: AsyncConnection, conversation_id: int) -> list[UUID]:
    """The turns whose answer expired and whose person was not told of it; nothing is written."""
    rows = await connection.execute(
        select(turns.c.id)
        .join(deliveries)
        .where(
            turns.c.conversation_id == conversation_id,
            deliveries.c.state == DeliveryState.EXPIRED.value,
            deliveries.c.via != DeliveryVia.POST.value,
            deliveries.c.expiry_told.is_(False),
        )
    )
    return list(rows.scalars())


async def send_again(connection: AsyncConnection, turn_id: UUID) -> bool:
    """Give a dead letter another chance: posted again, or held where it cannot be."""
    changed = await connection.execute(
        update(deliveries)
        .where(
            deliveries.c.turn_id == turn_id,
            deliveries.c.state.in_([state.value for state in DEAD_LETTERS]),
        )
        .values(
            state=case(
                (deliveries.c.via == DeliveryVia.POST.value, DeliveryState.PENDING.value),
                else_=DeliveryState.HELD.value,
            ),
            not_before=func.now(),
            attempts=0,
            updated_at=func.now(),
        )
    )
    return bool(changed.rowcount == 1)


async def load_outcome(connection: AsyncConnection, turn_id: UUID) -> TurnOutcome:
    """What delivering needs of a turn."""
    return _outcome((await connection.execute(LOAD_OUTCOME, {"turn_id": turn_id})).one())


def _claim(row: Row[Any]) -> DeliveryClaim:
    return DeliveryClaim(
        turn=_outcome(row), via=DeliveryVia(row.via), number=row.claim, attempts=row.attempts
    )


def _outcome(row: Row[Any]) -> TurnOutcome:
    return TurnOutcome(
        id=row.id,
        conversation_id=row.conversation_id,
        seq=row.seq,
        messenger=row.messenger,
        status=TurnStatus(row.status),
        job_id=row.job_id,
        answer=row.answer,
        failure_reason=_failure_reason(row.failure_reason),
        reply_handle=read_reply_handle(row.id, row.reply_handle),
        answered_before=row.answered_before,
    )


def _failure_reason(stored: str | None) -> FailureReason | None:
    """None also for the reason of a newer version: the person is told that it failed."""
    return FailureReason(stored) if stored in set(FailureReason) else None


def read_reply_handle(turn_id: UUID, stored: dict[str, Any]) -> ReplyHandle:
    """The turn's handle; where it cannot be read, one without an address: messengers refuse it.

    The claims beside it are committed: an exception here would leave them all in nobody's hands.
    """
    try:
        return load_handle(stored)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        log.error("reply_handle_broke", turn_id=str(turn_id), error=type(error).__name__)
        return ReplyHandle(via=DeliveryVia.HELD, expires_at=datetime.now(UTC))
