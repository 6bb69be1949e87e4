"""Ids and words of Slack, as they may stand in calls and in the log."""

from __future__ import annotations

import pytest

from bot.messengers.slack.ids import field, known_word, message_ts, slack_id, tenant_of


@pytest.mark.parametrize("raw", ["C1", "U0ABC", "D" * 40])
def test_ids_are_taken(raw: str) -> None:
    assert slack_id(raw) == raw


@pytest.mark.parametrize("raw", [None, 5, "", "c1", "C1\n", "C 1", "D" * 41, ["C1"], "С1"])
def test_other_things_are_no_ids(raw: object) -> None:
    assert slack_id(raw) == ""


@pytest.mark.parametrize("raw", [None, 1.5, "", "1", "1.5", "1.0000001", "١.000001", "1.000001\n"])
def test_other_things_are_no_times(raw: object) -> None:
    assert message_ts(raw) == ""
    assert message_ts("1700000000.000100") == "1700000000.000100"


@pytest.mark.parametrize("raw", [None, {}, "Block Actions", "a\nb", "한글", "x" * 61, "a\x00"])
def test_made_up_words_do_not_reach_the_log(raw: object) -> None:
    assert known_word(raw) == "odd"
    assert known_word("block_actions") == "block_actions"


def test_fields_of_odd_shapes_are_absent() -> None:
    assert field({"a": {"b": 1}}, "a", "b") == 1
    odd: object
    for odd in (None, 5, [], {"a": None}, {"a": [1]}, {"a": "b"}):
        assert field(odd, "a", "b") is None


def test_a_workspace_of_an_organization_is_its_own_tenant() -> None:
    assert tenant_of("T1") == "T1"
    assert tenant_of("T1", "E1") == "E1/T1"
    assert tenant_of("E1/T1") != tenant_of("T1", "E1")
