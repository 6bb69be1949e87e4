"""The next state of a delivery after an attempt, and when to try again: functions without I/O."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from bot.domain.deliveries import (
    DeliveryResult,
    DeliveryState,
    DeliveryVia,
    Outcome,
    ReplyHandle,
)
from bot.store.delivery_claims import MAX_ATTEMPTS, DeliveryClaim
from runtime.backoff import exponential_backoff_s

BACKOFF_BASE_S = 1.0
BACKOFF_MAX_S = 60.0
#: The number of reconcilable attempts; the last ones take the route that is refused less often.
RECONCILABLE_ATTEMPTS = MAX_ATTEMPTS - 2
#: The time after a callback's budget (48 s of Kakao's 60) in which a retry may still start.
CALLBACK_GRACE = timedelta(seconds=8)


def next_state(
    claim: DeliveryClaim, result: DeliveryResult, *, held: bool
) -> tuple[DeliveryState, float]:
    """The delivery's next state, and the seconds until the next attempt.

    ``held``: the attempt showed a button for the answer, not the answer.
    """
    by_callback = claim.via is DeliveryVia.CALLBACK
    if result.outcome is Outcome.DELIVERED:
        return (DeliveryState.HELD if held else DeliveryState.DELIVERED), 0.0
    if result.outcome is Outcome.RETRY and (claim.attempts < MAX_ATTEMPTS or not result.tried):
        retry_in_s = max(
            result.retry_after_s or 0.0,
            exponential_backoff_s(claim.attempts, base_s=BACKOFF_BASE_S, max_s=BACKOFF_MAX_S),
        )
        if not by_callback or callback_lasts(claim.turn.reply_handle, retry_in_s):
            return DeliveryState.PENDING, retry_in_s
    if by_callback:
        return DeliveryState.HELD, 0.0
    if result.outcome is Outcome.UNCONFIRMED:
        return DeliveryState.UNCONFIRMED, 0.0
    return DeliveryState.FAILED, 0.0


def callback_lasts(handle: ReplyHandle, for_s: float) -> bool:
    """Whether the callback URL is still valid in ``for_s`` seconds; the budget ends before it."""
    until = handle.callback_until
    return (
        until is not None and datetime.now(UTC) + timedelta(seconds=for_s) < until + CALLBACK_GRACE
    )


def cautious_state(claim: DeliveryClaim, state: DeliveryState) -> DeliveryState:
    """The state to record if ``state`` cannot be recorded: true, and safe against a second answer.

    A Kakao answer that may be unseen is held for its button. A POST that may have been shown is
    unconfirmed; one that certainly was not is a dead letter.
    """
    if claim.via is not DeliveryVia.POST:
        return DeliveryState.HELD
    may_be_shown = state in (DeliveryState.DELIVERED, DeliveryState.UNCONFIRMED)
    return DeliveryState.UNCONFIRMED if may_be_shown else DeliveryState.FAILED
