"""The dashboard knows messengers only by the labels that it is given."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from bot.admin.turns.filters import BadFilter, Filters
from bot.admin.turns.rows import TurnRow
from bot.admin.turns.view_models import list_item

LABELS = {"pigeon": "비둘기"}
ROW = TurnRow(
    id=uuid4(),
    conversation_id=1,
    seq=1,
    messenger="pigeon",
    tenant="loft",
    sender="person-1",
    text="안녕",
    media_count=0,
    answer=None,
    status="answered",
    failure_reason=None,
    prompt_tokens=None,
    completion_tokens=None,
    received_at=datetime(2026, 11, 20, tzinfo=UTC),
    settled_at=None,
    delivery_via=None,
    delivery_state="teleported",
    delivery_attempts=None,
    delivery_detail=None,
    delivered_at=None,
)


def test_a_turn_shows_the_given_label_of_its_messenger() -> None:
    assert list_item(ROW, "", LABELS).summary.messenger == "비둘기"


def test_a_messenger_without_a_label_shows_its_name() -> None:
    assert list_item(ROW, "", {}).summary.messenger == "pigeon"


def test_a_state_of_a_newer_version_shows_its_name() -> None:
    badge = list_item(ROW, "", LABELS).summary.delivery
    assert badge is not None
    assert (badge.label, badge.tone) == ("teleported", "open")


def test_the_filter_accepts_exactly_the_given_messengers() -> None:
    assert Filters.parse({"messenger": "pigeon"}, LABELS).messenger == "pigeon"
    with pytest.raises(BadFilter, match="메신저"):
        Filters.parse({"messenger": "kakao"}, LABELS)
