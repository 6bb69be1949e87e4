"""What an outcome makes of a delivery."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from bot.delivery.retry_policy import CALLBACK_GRACE, cautious_state, next_state
from bot.domain.deliveries import (
    DeliveryResult,
    DeliveryState,
    DeliveryVia,
    Outcome,
    ReplyHandle,
)
from bot.domain.turns import TurnStatus
from bot.store.delivery_claims import MAX_ATTEMPTS, DeliveryClaim
from bot.store.turn_outcomes import TurnOutcome

V, S, O = DeliveryVia, DeliveryState, Outcome  # noqa: E741


def claim(via: DeliveryVia, *, attempts: int = 1, callback_in_s: float = 30.0) -> DeliveryClaim:
    now = datetime.now(UTC)
    turn = TurnOutcome(
        id=uuid4(),
        conversation_id=1,
        seq=1,
        messenger="any",
        status=TurnStatus.ANSWERED,
        job_id=None,
        answer="답",
        failure_reason=None,
        reply_handle=ReplyHandle(
            via=via,
            callback_until=now + timedelta(seconds=callback_in_s),
            expires_at=now + timedelta(minutes=9),
        ),
        answered_before=True,
    )
    return DeliveryClaim(turn=turn, via=via, number=1, attempts=attempts)


@pytest.mark.parametrize(
    ("via", "outcome", "state"),
    [
        (V.POST, O.DELIVERED, S.DELIVERED),
        (V.POST, O.RETRY, S.PENDING),
        (V.POST, O.UNCONFIRMED, S.UNCONFIRMED),
        (V.POST, O.REFUSED, S.FAILED),
        (V.CALLBACK, O.RETRY, S.PENDING),
        (V.CALLBACK, O.UNCONFIRMED, S.HELD),
        (V.CALLBACK, O.REFUSED, S.HELD),
    ],
)
def test_the_outcome_decides_the_next_state(
    via: DeliveryVia, outcome: Outcome, state: DeliveryState
) -> None:
    assert next_state(claim(via), DeliveryResult(outcome=outcome), held=False)[0] is state


def test_a_button_that_was_shown_leaves_the_answer_held() -> None:
    delivered = DeliveryResult(outcome=O.DELIVERED)
    assert next_state(claim(V.CALLBACK), delivered, held=True) == (S.HELD, 0.0)


def test_the_last_attempt_is_not_repeated() -> None:
    later = DeliveryResult(outcome=O.RETRY)
    assert next_state(claim(V.POST, attempts=MAX_ATTEMPTS), later, held=False)[0] is S.FAILED


def test_a_callback_is_repeated_only_while_its_url_is_good() -> None:
    later = DeliveryResult(outcome=O.RETRY, retry_after_s=3)
    grace_s = CALLBACK_GRACE.total_seconds()
    good, late = 3.5 - grace_s, 2.5 - grace_s
    assert next_state(claim(V.CALLBACK, callback_in_s=good), later, held=False) == (S.PENDING, 3.0)
    assert next_state(claim(V.CALLBACK, callback_in_s=late), later, held=False)[0] is S.HELD


def test_pauses_double() -> None:
    later = DeliveryResult(outcome=O.RETRY)
    pauses_s = [next_state(claim(V.POST, attempts=n), later, held=False)[1] for n in (1, 2, 3, 5)]
    assert pauses_s == [1, 2, 4, 16]


@pytest.mark.parametrize(
    ("via", "state", "cautious"),
    [
        (V.POST, S.DELIVERED, S.UNCONFIRMED),
        (V.POST, S.UNCONFIRMED, S.UNCONFIRMED),
        (V.POST, S.PENDING, S.FAILED),
        (V.POST, S.FAILED, S.FAILED),
        (V.CALLBACK, S.DELIVERED, S.HELD),
        (V.SYNC, S.DELIVERED, S.HELD),
        (V.HELD, S.DELIVERED, S.HELD),
    ],
)
def test_unrecordable_outcome_is_never_overstated(
    via: DeliveryVia, state: DeliveryState, cautious: DeliveryState
) -> None:
    assert cautious_state(claim(via), state) is cautious
