"""The delivery of each turn in Postgres: its row, held and expired answers, repeated answers.

Claims are in ``delivery_claims``, their outcomes in ``delivery_outcomes``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Text,
    bindparam,
    case,
    func,
    literal_column,
    select,
    text,
    union_all,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.deliveries import DeliveryState, DeliveryVia
from bot.domain.turns import SETTLED
from bot.store.delivery_outcomes import INTO_LEDGER
from bot.store.schema import conversations, deliveries, turns
from runtime.database import any_of
from runtime.direct import AnyConnection

#: Presses of a button within this time count as one. Kakao reports a missing response to the person
#: after five seconds, so a retry comes later.
AGAIN_AFTER_S = 3.0
#: The maximum of earlier answers offered beside a new one.
MAX_OFFERED = 3
#: The maximum of turns searched for an answer that is asked for without its button.
MAX_LOOKED_AT = 50
#: Final states that only an operator can reopen.
DEAD_LETTERS = (DeliveryState.UNCONFIRMED, DeliveryState.FAILED)

#: Shows an answer that was fetched by its button once more.
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


#: Asked for with every answer of Kakao's, so they are written once, and run as one.
_EARLIER_HELD = (
    select(turns.c.id, turns.c.seq, literal_column("true").label("is_held"))
    .join(deliveries)
    .where(
        turns.c.conversation_id == bindparam("conversation_id", type_=BigInteger),
        turns.c.seq < bindparam("before_seq", type_=BigInteger),
        turns.c.status == any_of([status.value for status in SETTLED], Text),
        deliveries.c.state == DeliveryState.HELD.value,
        deliveries.c.expires_at > func.now(),
    )
    .order_by(turns.c.seq.desc())
    .limit(MAX_OFFERED)
)
_EXPIRED_UNTOLD = (
    select(turns.c.id, turns.c.seq, literal_column("false"))
    .join(deliveries)
    .where(
        turns.c.conversation_id == bindparam("conversation_id", type_=BigInteger),
        deliveries.c.state == DeliveryState.EXPIRED.value,
        deliveries.c.via != DeliveryVia.POST.value,
        deliveries.c.expiry_told.is_(False),
    )
)
ADDITIONS = union_all(_EARLIER_HELD.subquery().select(), _EXPIRED_UNTOLD).order_by(
    literal_column("seq").desc()
)


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


async def find(connection: AsyncConnection, turn_id: UUID) -> Delivery | None:
    """The turn's delivery."""
    found = await connection.execute(select(deliveries).where(deliveries.c.turn_id == turn_id))
    row = found.one_or_none()
    if row is None:
        return None
    typed = {"via": DeliveryVia(row.via), "state": DeliveryState(row.state)}
    return Delivery(**{**row._mapping, **typed})


async def additions(
    connection: AnyConnection, conversation_id: int, before_seq: int
) -> tuple[list[UUID], list[UUID]]:
    """What is offered or told with an answer: turns with a held answer, and with an expired one.

    Of the held ones the newest, at most ``MAX_OFFERED``; of the others those without a notice yet.
    Read-only.
    """
    values = {"conversation_id": conversation_id, "before_seq": before_seq}
    rows = (await connection.execute(ADDITIONS, values)).all()
    held, expired = [[row.id for row in rows if row.is_held is wanted] for wanted in (True, False)]
    return held, expired


async def newest_waiting(
    connection: AsyncConnection, *, messenger: str, tenant: str, key: str
) -> UUID | None:
    """The newest turn with a held answer that is ready; else the newest one not yet delivered.

    Looks at the newest ``MAX_LOOKED_AT`` turns only.
    """
    newest = (
        select(turns.c.id, turns.c.seq, turns.c.status)
        .join(conversations, conversations.c.id == turns.c.conversation_id)
        .where(
            conversations.c.messenger == messenger,
            conversations.c.tenant == tenant,
            conversations.c.key == key,
        )
        .order_by(turns.c.seq.desc())
        .limit(MAX_LOOKED_AT)
        .subquery()
    )
    held = deliveries.c.state == DeliveryState.HELD.value
    ready = newest.c.status.in_([status.value for status in SETTLED]) & held
    waiting = (DeliveryState.HELD, DeliveryState.PENDING, DeliveryState.SENDING)
    found = await connection.execute(
        select(newest.c.id)
        .join(deliveries, deliveries.c.turn_id == newest.c.id)
        .where(
            deliveries.c.state.in_([state.value for state in waiting]),
            deliveries.c.expires_at > func.now(),
        )
        .order_by(ready.desc(), newest.c.seq.desc())
        .limit(1)
    )
    return found.scalar()


async def send_again(connection: AsyncConnection, turn_id: UUID) -> bool:
    """Reopen a dead letter: pending where it can be posted, else held; False: it is none."""
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


async def show_again(connection: AsyncConnection, turn_id: UUID) -> bool:
    """Record that a fetched answer is shown once more; False: it may not be.

    A lost first response leaves no trace here; a second press shows that the answer was not seen.
    Presses within ``AGAIN_AFTER_S`` count as one.
    """
    return bool((await connection.execute(SHOW_AGAIN, {"turn_id": turn_id})).rowcount == 1)
