"""The dashboard knows messengers only by the labels that it is given."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from uuid import uuid4

from bot.admin.search.fields import all_fields
from bot.admin.search.query import Term, parse
from bot.admin.turns.rows import TurnRow
from bot.admin.turns.view_models import TurnSummary, list_item

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


def summary(labels: Mapping[str, str]) -> TurnSummary:
    item = list_item(ROW, (), labels)
    assert item is not None
    return item.summary


def test_a_turn_shows_the_given_label_of_its_messenger() -> None:
    assert summary(LABELS).messenger == "비둘기"


def test_a_messenger_without_a_label_shows_its_name() -> None:
    assert summary({}).messenger == "pigeon"


def test_a_state_of_a_newer_version_shows_its_name() -> None:
    badge = summary(LABELS).delivery
    assert badge is not None
    assert (badge.label, badge.tone) == ("teleported", "open")


def test_the_search_accepts_exactly_the_given_messengers() -> None:
    fields = all_fields(LABELS)
    assert parse("메신저:비둘기", fields).terms == (Term("messenger", "pigeon"),)
    refused = parse("messenger:kakao", fields)
    assert refused.terms == ()
    assert "비둘기" in refused.problems[0].reason
