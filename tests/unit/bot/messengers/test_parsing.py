"""What stands in a request: JSON within bounds; every id its own key, every pair of ids its own."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.domain.messenger import Refusal
from bot.http.errors import MAX_BODY_BYTES
from bot.messengers.parsing import (
    MAX_IDENTIFIER_CHARS,
    MAX_JAMO,
    digest,
    identifier,
    joined,
    json_object,
)
from bot.messengers.slack.settings import SlackSettings
from bot.messengers.slack.simulated_requests import command_form
from bot.messengers.slack.slash_command import read_command

NOON = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
LONG = "x" * (MAX_IDENTIFIER_CHARS + 1)
SETTINGS = SlackSettings(_env_file=None, response_hosts=("hooks.slack.com",))

#: Full of what keys are made with; and whole texts of any kind.
ids = st.text(alphabet=":/\\C1U2", min_size=1, max_size=6) | st.text(min_size=1)
pairs = st.tuples(ids, ids)


@given(ids, ids)
@example(LONG, digest(LONG))
@example(LONG, identifier(LONG))
@example("a\x00", identifier("a\x00"))
@example("각", "각")
def test_no_two_ids_are_stored_alike(first: str, second: str) -> None:
    assert (identifier(first) == identifier(second)) == (first == second)


@given(pairs, pairs)
@example(("C1", "U2:U3"), ("C1:U2", "U3"))
@example(("C1\\", ":U2"), ("C1\\:", "U2"))
def test_no_two_pairs_make_the_same_key(first: tuple[str, str], second: tuple[str, str]) -> None:
    assert (joined(*first, by=":") == joined(*second, by=":")) == (first == second)


@given(st.lists(ids, min_size=1, max_size=3), st.lists(ids, min_size=1, max_size=3))
@example(["E1/T1"], ["E1", "T1"])
def test_the_number_of_parts_matters_too(first: list[str], second: list[str]) -> None:
    assert (joined(*first, by="/") == joined(*second, by="/")) == (first == second)


def slack_keys(channel: str, user: str, team: str = "T1", enterprise: str = "") -> tuple[str, str]:
    form = command_form("안녕", "https://hooks.slack.com/x", channel_id=channel, user_id=user)
    fields = form | {"team_id": team, "enterprise_id": enterprise}
    incoming = read_command(fields, NOON, SETTINGS, max_chars=4000)
    return incoming.tenant, incoming.conversation_key


@given(pairs, pairs)
@example(("C1", "U2:U3"), ("C1:U2", "U3"))
@example((LONG, "U1"), (digest(LONG), "U1"))
def test_slack_conversations_of_other_ids_are_others(
    first: tuple[str, str], second: tuple[str, str]
) -> None:
    assert (slack_keys(*first) == slack_keys(*second)) == (first == second)


@given(pairs, pairs)
@example(("a", "b/c"), ("a/b", "c"))
def test_slack_workspaces_of_other_ids_are_others(
    first: tuple[str, str], second: tuple[str, str]
) -> None:
    one = slack_keys("C1", "U1", team=first[0], enterprise=first[1])
    other = slack_keys("C1", "U1", team=second[0], enterprise=second[1])
    assert (one == other) == (first == second)


@pytest.mark.parametrize(
    ("fields", "keys"),
    [
        (("C0AB12CD3", "U0AB12CD3"), ("T1", "command:C0AB12CD3:U0AB12CD3")),
        (("C1", "U1", "T1", "E1"), ("E1/T1", "command:C1:U1")),
    ],
)
def test_ordinary_slack_ids_keep_their_keys(fields: tuple[str, ...], keys: tuple[str, str]) -> None:
    assert slack_keys(*fields) == keys


@pytest.mark.parametrize("raw", ["U0AB12CD3", "room:1", "부서/개발팀", "f" * 64, digest("x")])
def test_ordinary_ids_are_stored_as_they_are(raw: str) -> None:
    assert identifier(raw) == raw


@pytest.mark.parametrize("part", ["[],", "[[]],", '{"a": {}},', f"{'[' * 500}{']' * 500},"])
def test_a_body_of_nothing_but_lists_is_not_read(part: str) -> None:
    body = f'{{"x": [{part * (MAX_BODY_BYTES // len(part))}0]}}'
    with pytest.raises(Refusal, match="brackets"):
        json_object(body)


def test_a_text_of_nothing_but_brackets_is_read() -> None:
    longest = "[" * (20_000 * MAX_JAMO)
    assert json_object(json.dumps({"text": longest})) == {"text": longest}
