"""The state machines of a turn and of its delivery: all allowed transitions.

The store takes the source statuses of turns and those of a delivered delivery from here. Its other
statements on deliveries name their states themselves, fenced by the claim. One test drives both
against these tables on real Postgres, another compares them with the diagrams in
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
    # Delivered without a new claim: the late record of a process that counted as dead.
    # Failed without a claim: the database refuses to claim this row.
    D.PENDING: frozenset({D.PENDING, D.SENDING, D.HELD, D.DELIVERED, D.FAILED, D.EXPIRED}),
    D.SENDING: frozenset({D.PENDING, D.HELD, D.DELIVERED, D.UNCONFIRMED, D.FAILED}),
    D.HELD: frozenset({D.SENDING, D.DELIVERED, D.EXPIRED}),
    D.DELIVERED: frozenset(),
    # By a lookup: found, sent again, or still unknown. By an operator: pending or held.
    D.UNCONFIRMED: frozenset({D.DELIVERED, D.PENDING, D.UNCONFIRMED, D.HELD}),
    # An operator sends a dead letter again.
    D.FAILED: frozenset({D.PENDING, D.HELD}),
    D.EXPIRED: frozenset(),
}


def turn_before(status: TurnStatus) -> list[str]:
    """The statuses from which a turn may become ``status``, as the store writes them."""
    return sorted(source.value for source, targets in TURN_STEPS.items() if status in targets)


def delivery_before(state: DeliveryState) -> list[str]:
    """The states from which a delivery may become ``state``, as the store writes them."""
    return sorted(source.value for source, targets in DELIVERY_STEPS.items() if state in targets)
