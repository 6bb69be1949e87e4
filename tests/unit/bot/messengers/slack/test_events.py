"""Which events are somebody's message."""

from __future__ import annotations

from typing import Any

import pytest

from bot.messengers.slack.events import SlackSource, read_message, source_of

SOURCE = SlackSource(team="T1", enterprise="", app="A1", bot_user="UBOT")
MESSAGE = {
    "type": "message",
    "channel": "C1",
    "channel_type": "channel",
    "user": "U1",
    "text": "안녕",
    "ts": "1700000000.000100",
}


def test_a_message_is_read() -> None:
    message = read_message({**MESSAGE, "thread_ts": "1700000000.000001"}, SOURCE)
    assert message is not None
    assert (message.user, message.channel, message.root) == ("U1", "C1", "1700000000.000001")
    assert not message.is_direct
    assert not message.mentions_bot


@pytest.mark.parametrize(
    "change",
    [
        {"bot_id": "B1"},
        {"user": "UBOT"},
        {"user": "USLACKBOT"},
        {"user": None},
        {"user": "U1; drop"},
        {"subtype": "message_changed"},
        {"subtype": "message_deleted"},
        {"subtype": "channel_join"},
        {"subtype": "bot_message"},
        {"subtype": ["file_share"]},
        {"hidden": True},
        {"edited": {"user": "U1"}},
        {"channel": 5},
        {"ts": "soon"},
        {"ts": None},
    ],
)
def test_what_no_person_wrote_is_ignored(change: dict[str, Any]) -> None:
    assert read_message({**MESSAGE, **change}, SOURCE) is None


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"subtype": "file_share", "files": [{}]}, "has_files"),
        ({"subtype": "file_share", "files": []}, "has_files"),
        ({"files": [{}]}, "has_files"),
        ({"channel_type": "im"}, "is_direct"),
        ({"channel": "D1", "channel_type": None}, "is_direct"),
        ({"type": "app_mention"}, "mentions_bot"),
        ({"text": "<@UBOT> 안녕"}, "mentions_bot"),
    ],
)
def test_the_kinds_of_messages(change: dict[str, Any], expected: str) -> None:
    message = read_message({**MESSAGE, **change}, SOURCE)
    assert message is not None
    assert getattr(message, expected)


@pytest.mark.parametrize(
    ("kind", "text", "bot_user"),
    [
        ("app_mention", "<@UBOT> 도움말", "UBOT"),
        ("app_mention", "도움말 <@UBOT>", ""),
        ("message", "<@UBOT> 도움말", ""),
    ],
)
def test_where_slack_names_no_bot_a_mention_s_event_does(
    kind: str, text: str, bot_user: str
) -> None:
    unnamed = SlackSource(team="T1", enterprise="", app="A1", bot_user="")
    message = read_message({**MESSAGE, "type": kind, "text": text}, unnamed)
    assert message is not None
    assert message.source.bot_user == bot_user
    assert message.mentions_bot is (kind == "app_mention")


@pytest.mark.parametrize("text", [None, 5, ["a"], {"a": 1}])
def test_odd_texts_are_empty(text: object) -> None:
    message = read_message({**MESSAGE, "text": text}, SOURCE)
    assert message is not None
    assert message.raw_text == ""


@pytest.mark.parametrize(
    ("body", "team", "tenant", "bot_user"),
    [
        ({"team_id": "T1"}, "T1", "T1", ""),
        ({"team_id": "T1", "enterprise_id": "E1"}, "T1", "E1/T1", ""),
        (
            {"authorizations": [{"team_id": "T2", "user_id": "U9", "is_bot": True}]},
            "T2",
            "T2",
            "U9",
        ),
        ({"team_id": "T1", "authorizations": [{"user_id": "U9", "is_bot": False}]}, "T1", "T1", ""),
        # A shared channel: the message is of another company's workspace.
        (
            {
                "team_id": "T7",
                "enterprise_id": "E7",
                "authorizations": [{"team_id": "T1", "enterprise_id": None}],
            },
            "T1",
            "T1",
            "",
        ),
        # The same with an installation in a whole organisation, which names no team.
        (
            {
                "team_id": "T7",
                "enterprise_id": "E7",
                "authorizations": [{"team_id": None, "enterprise_id": "E1"}],
            },
            "T7",
            "E1/T7",
            "",
        ),
        ({"team_id": "T1", "authorizations": {"0": 1}}, "T1", "T1", ""),
        ({"team_id": None, "authorizations": [None]}, "", "", ""),
    ],
)
def test_the_workspace_of_an_event(
    body: dict[str, Any], team: str, tenant: str, bot_user: str
) -> None:
    source = source_of(body)
    assert (source.team, source.tenant, source.bot_user) == (team, tenant, bot_user)
