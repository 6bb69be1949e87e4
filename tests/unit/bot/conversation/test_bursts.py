"""What counts as one burst, where accepts overtook each other."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from bot.conversation.bursts import next_burst

NOON = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)


@dataclass
class Waiting:
    received_at: datetime
    epoch: int = 0
    regenerates: UUID | None = None
    pictures: int = 0


@pytest.mark.parametrize(("window_s", "together"), [(0.0, 1), (0.2, 1), (1.0, 2)])
def test_a_turn_that_overtook_another_is_no_burst_of_its_own_making(
    window_s: float, together: int
) -> None:
    first: Any = Waiting(NOON)
    overtaken: Any = Waiting(NOON - timedelta(seconds=0.3))
    assert len(next_burst([first, overtaken], window_s)) == together


def test_a_question_asked_again_is_answered_by_itself() -> None:
    waiting: list[Any] = [
        Waiting(NOON),
        Waiting(NOON, regenerates=uuid4()),
        Waiting(NOON),
    ]
    assert len(next_burst(waiting, 1.0)) == 1
    assert len(next_burst(waiting[1:], 1.0)) == 1


def test_a_burst_has_no_more_pictures_than_a_message_may_have() -> None:
    photos: list[Any] = [Waiting(NOON, pictures=1) for _ in range(5)]
    assert len(next_burst(photos, 1.0)) == 3
    asked: Any = Waiting(NOON)
    assert len(next_burst([*photos[:3], asked, photos[3]], 1.0)) == 4
