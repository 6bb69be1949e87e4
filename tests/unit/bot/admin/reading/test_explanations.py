"""Every state and every reason has its words, in both languages."""

from __future__ import annotations

from enum import StrEnum

import pytest

from bot.admin.reading.explanations import (
    DELIVERIES,
    FAILURES,
    FINISHES,
    STATUSES,
    Explanation,
    explained,
)
from bot.admin.reading.spoken import PLACES
from bot.admin.reading.turn_beside import POST_STATES, REASONS, VOTES
from bot.admin.web import labels, language
from bot.admin.web.english.catalog import ENGLISH
from bot.domain.answer_views import Place
from bot.domain.deliveries import DeliveryState
from bot.domain.feedback import Reason, Vote
from bot.domain.posts import PostState
from bot.domain.turns import STORAGE_FAULT, TurnStatus
from inference_queue.protocol import FailureReason, FinishReason

TABLES: list[tuple[dict[str, Explanation], dict[str, str], set[str]]] = [
    (dict(STATUSES), labels.STATUSES, set(TurnStatus)),
    (dict(FAILURES), labels.FAILURES, {*FailureReason, STORAGE_FAULT}),
    (dict(FINISHES), labels.FINISH_REASONS, set(FinishReason)),
    (dict(DELIVERIES), labels.DELIVERY_STATES, set(DeliveryState)),
]
ALL = [(value, words) for table, _, _ in TABLES for value, words in table.items()]


@pytest.mark.parametrize(("words", "names", "values"), TABLES)
def test_every_value_has_a_label_and_an_explanation(
    words: dict[str, Explanation], names: dict[str, str], values: set[str]
) -> None:
    assert set(words) == values
    assert set(names) == values


@pytest.mark.parametrize(("value", "words"), ALL)
def test_an_explanation_says_what_to_do_in_both_languages(value: str, words: Explanation) -> None:
    for sentence in (words.sentence, words.action):
        assert sentence.endswith(("다.", "요."))
        assert ENGLISH[sentence].endswith(".")
    if value in {*FailureReason} - {"cancelled"} or value in {"failed", "unconfirmed"}:
        assert words.needs_action


def test_an_explanation_is_told_in_the_pages_language() -> None:
    language.choose("en")
    try:
        found = explained("unconfirmed", DELIVERIES)
        assert found is not None
        assert found.sentence.startswith("It was sent")
        assert found.needs_action
    finally:
        language.choose("ko")


def test_a_newer_bots_value_has_no_explanation() -> None:
    assert explained("teleported", DELIVERIES) is None
    assert explained(None, FAILURES) is None


@pytest.mark.parametrize(
    ("table", "values"),
    [(POST_STATES, PostState), (REASONS, Reason), (VOTES, Vote)],
)
def test_every_other_value_has_a_name(table: dict[str, str], values: type[StrEnum]) -> None:
    assert set(table) == set(values)


def test_every_place_but_an_ordinary_chat_has_a_name() -> None:
    assert set(PLACES) == set(Place) - {Place.CHAT}
