"""Events and interactions as Slack sends them: signed, whole, and new every time."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs

import pytest
from slack_sdk.signature import SignatureVerifier

from bot.messengers.slack import simulated_events as events
from bot.messengers.slack.simulated_interactions import (
    block_actions,
    signed_interaction,
    view_closed,
    view_submission,
)

SECRET = "s3cret"
EVERY_EVENT = [
    events.message("D1", "U1", "안녕"),
    events.app_mention("C1", "U1", "<@U0BLLOSSOM> 안녕", thread_ts="1.000000"),
    events.message_changed("C1", events.message("C1", "U1", "안"), "안녕"),
    events.message_deleted("C1", events.message("C1", "U1", "안")),
    events.bot_message("C1", "삐"),
    events.file_share("D1", "U1", "", [events.file("a.png", "image/png", "http://x/a", 3)]),
    events.app_home_opened("U1", "D1", "home"),
    events.app_context_changed("U1", "D1", "C1"),
    events.agent_session_stopped("D1", "1.000000", "U1", ["2.000000"]),
    events.app_uninstalled(),
    events.tokens_revoked(),
    events.member_moved("C1", "U0BLLOSSOM", joined=False),
]


@pytest.mark.parametrize("event", EVERY_EVENT, ids=lambda event: event["type"])
def test_event_is_signed_and_names_its_workspace(event: dict[str, Any]) -> None:
    body, headers = events.signed_event(SECRET, event, team_id="T2", event_id="Ev1")
    assert SignatureVerifier(SECRET).is_valid_request(body, headers)
    assert not SignatureVerifier("other").is_valid_request(body, headers)
    document = json.loads(body)
    assert (document["type"], document["team_id"], document["event_id"]) == (
        "event_callback",
        "T2",
        "Ev1",
    )
    assert document["event"] == event
    assert document["authorizations"][0]["team_id"] == "T2"


def test_every_delivery_has_its_own_id() -> None:
    event = events.message("D1", "U1", "안녕")
    assert events.event_callback(event)["event_id"] != events.event_callback(event)["event_id"]
    assert events.retry_headers(2) == {
        "x-slack-retry-num": "2",
        "x-slack-retry-reason": "http_timeout",
    }


@pytest.mark.parametrize(("channel", "kind"), [("D1", "im"), ("C1", "channel"), ("G1", "group")])
def test_message_names_the_kind_of_its_room(channel: str, kind: str) -> None:
    assert events.message(channel, "U1", "안녕")["channel_type"] == kind
    assert "channel_type" not in events.app_mention(channel, "U1", "안녕")


def test_interactions_are_forms_with_a_payload() -> None:
    view = {"id": "V1", "type": "modal", "callback_id": "c"}
    action = {"type": "button", "action_id": "a", "value": "v"}
    message = {"ts": "2.000000", "thread_ts": "1.000000", "text": "답"}
    for payload in (
        block_actions("U1", action, channel="C1", message=message, response_url="http://x/r"),
        block_actions("U1", action, view=view),
        view_submission("U1", view, {"b": {"a": {"value": "글"}}}),
        view_closed("U1", view),
    ):
        body, headers = signed_interaction(SECRET, payload)
        assert SignatureVerifier(SECRET).is_valid_request(body, headers)
        [sent] = parse_qs(body.decode())["payload"]
        assert json.loads(sent) == payload
        assert payload["user"]["id"] == "U1"
