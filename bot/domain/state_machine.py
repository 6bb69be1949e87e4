"""The life of a turn and of its delivery: which step may follow which, in this one place.

The store takes from here where a turn may start from, and what may end as delivered. The other
statements of a delivery name their states themselves, fenced by the claim; a test drives both
against these tables on real Postgres, and another compares them with the pictures of
docs/operations.md.
"""

from __future__ import annotations

from collections.abc import Mapping

from bot.domain.deliveries import DeliveryState
from bot.domain.turns import TurnStatus

T = TurnStatus
D = DeliveryState

TURN_STEPS: Mapping[TurnStatus, frozenset[TurnStatus]] = {
    T.RECEIVED: frozenset({T.QUEUED, T.MERGED, T.EXPIRED, T.FAILED, T.CANCELLED}),
    T.QUEUED: frozenset({T.GENERATING, T.ANSWERED, T.FAILED, T.EXPIRED, T.CANCELLED}),
    # A worker that dies gives its job back: the turn stays generating until the next one.
    T.GENERATING: frozenset({T.ANSWERED, T.FAILED, T.EXPIRED, T.CANCELLED}),
    T.ANSWERED: frozenset(),
    T.FAILED: frozenset(),
    T.EXPIRED: frozenset(),
    T.CANCELLED: frozenset(),
    T.MERGED: frozenset(),
}

DELIVERY_STEPS: Mapping[DeliveryState, frozenset[DeliveryState]] = {
    # Delivered without a new claim: a process taken for dead says late that the person saw it.
    # Failed without a claim: the database refuses to claim this one row.
    D.PENDING: frozenset({D.PENDING, D.SENDING, D.HELD, D.DELIVERED, D.FAILED, D.EXPIRED}),
    D.SENDING: frozenset({D.PENDING, D.HELD, D.DELIVERED, D.UNCONFIRMED, D.FAILED}),
    D.HELD: frozenset({D.SENDING, D.DELIVERED, D.EXPIRED}),
    D.DELIVERED: frozenset(),
    # Its lookup finds it, sends it again or cannot tell.
    D.UNCONFIRMED: frozenset({D.DELIVERED, D.PENDING, D.UNCONFIRMED, D.HELD}),
    # A dead letter lives again when an operator sends it again.
    D.FAILED: frozenset({D.PENDING, D.HELD}),
    D.EXPIRED: frozenset(),
}


def turn_before(status: TurnStatus) -> list[str]:
    """The statuses from which a turn may become ``status``, as the store writes them."""
    return sorted(source.value for source, targets in TURN_STEPS.items() if status in targets)


def delivery_before(state: DeliveryState) -> list[str]:
    """The states from which a delivery may become ``state``, as the store writes them."""
    return sorted(source.value for source, targets in DELIVERY_STEPS.items() if state in targets)
