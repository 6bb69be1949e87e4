"""The steps that turns and deliveries may take are those of the documentation."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bot.domain.deliveries import DeliveryState
from bot.domain.state_machine import DELIVERY_STEPS, TURN_STEPS
from bot.domain.turns import TurnStatus


@pytest.mark.parametrize(
    ("heading", "steps"), [("## A turn", TURN_STEPS), ("## Its delivery", DELIVERY_STEPS)]
)
def test_documented_state_diagram_matches_the_steps(
    heading: str, steps: dict[TurnStatus | DeliveryState, frozenset[TurnStatus | DeliveryState]]
) -> None:
    page = Path(__file__).parents[4] / "docs" / "operations.md"
    picture = page.read_text("utf-8").split(heading)[1].split("```")[1]
    drawn = set(re.findall(r"^\s+(\w+) --> (\w+)", picture, re.MULTILINE))
    allowed = {(source.value, target.value) for source in steps for target in steps[source]}
    assert drawn == allowed
