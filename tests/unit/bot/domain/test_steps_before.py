"""From where a turn or a delivery may come, as the store's statements are told."""

from __future__ import annotations

import pytest

from bot.domain.deliveries import DeliveryState
from bot.domain.state_machine import DELIVERY_STEPS, TURN_STEPS, delivery_before, turn_before
from bot.domain.turns import SETTLED, TurnStatus


@pytest.mark.parametrize("status", TurnStatus)
def test_a_turn_comes_from_the_statuses_whose_steps_name_it(status: TurnStatus) -> None:
    assert turn_before(status) == sorted(s for s in TurnStatus if status in TURN_STEPS[s])


@pytest.mark.parametrize("state", DeliveryState)
def test_a_delivery_comes_from_the_states_whose_steps_name_it(state: DeliveryState) -> None:
    assert delivery_before(state) == sorted(s for s in DeliveryState if state in DELIVERY_STEPS[s])


@pytest.mark.parametrize("status", TurnStatus)
def test_no_turn_leaves_its_end(status: TurnStatus) -> None:
    assert not SETTLED & set(turn_before(status))


@pytest.mark.parametrize("state", DeliveryState)
def test_no_delivery_leaves_its_end(state: DeliveryState) -> None:
    assert not {"delivered", "expired"} & set(delivery_before(state))


def test_only_what_runs_is_answered_and_only_what_may_have_been_seen_is_delivered() -> None:
    assert turn_before(TurnStatus.ANSWERED) == ["generating", "queued"]
    assert delivery_before(DeliveryState.DELIVERED) == ["held", "pending", "sending", "unconfirmed"]
