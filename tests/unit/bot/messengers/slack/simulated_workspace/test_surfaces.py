"""Statuses, prompts, views, rate limits and what people do."""

from __future__ import annotations

from typing import Any

import pytest

from bot.messengers.slack.simulated_workspace.method import Method
from bot.messengers.slack.simulated_workspace.sightings import SightingKind
from tests.unit.bot.messengers.slack.simulated_workspace.conftest import (
    CHANNEL,
    OTHER,
    PERSON,
    Room,
)

PROMPT = {"title": "제목", "message": "질문"}


def modal(**fields: Any) -> dict[str, Any]:
    title = {"type": "plain_text", "text": "의견"}
    return {"type": "modal", "title": title, "blocks": [{"type": "divider"}], **fields}


def press_down(slack: Room) -> dict[str, Any]:
    element = {
        "type": "feedback_buttons",
        "action_id": "vote",
        "positive_button": {"text": {"type": "plain_text", "text": "👍"}, "value": "up"},
        "negative_button": {"text": {"type": "plain_text", "text": "👎"}, "value": "down"},
    }
    blocks = [{"type": "context_actions", "elements": [element]}]
    ts = slack.done("chat.postMessage", channel=CHANNEL, text="답", blocks=blocks)["ts"]
    return slack.people.press(PERSON, CHANNEL, ts, "vote", "down")


def test_status_ends_with_a_message_or_after_two_minutes(slack: Room) -> None:
    asked = slack.ask(slack.dm)
    status = {"channel_id": slack.dm, "thread_ts": asked, "status": "생각하는 중"}
    slack.done("assistant.threads.setStatus", **status, loading_messages=["하나"] * 10)
    shown = slack.workspace.surfaces.status(slack.dm, asked)
    assert shown is not None
    assert shown.text == "생각하는 중"
    slack.done("chat.postMessage", channel=slack.dm, text="답", thread_ts=asked)
    assert slack.workspace.surfaces.status(slack.dm, asked) is None
    slack.done("assistant.threads.setStatus", **status)
    slack.now += 120
    assert slack.workspace.surfaces.status(slack.dm, asked) is None


def test_more_than_ten_loading_messages_are_refused(slack: Room) -> None:
    status = {"channel_id": slack.dm, "thread_ts": slack.ask(slack.dm), "status": "생각"}
    refused = slack.call("assistant.threads.setStatus", **status, loading_messages=["하나"] * 11)
    assert refused["error"] == "invalid_arguments"


def test_prompts_with_a_thread_are_taken_and_not_shown(slack: Room) -> None:
    method, place = "assistant.threads.setSuggestedPrompts", {"channel_id": slack.dm}
    slack.done(method, **place, thread_ts=slack.ask(slack.dm), prompts=[PROMPT])
    assert slack.workspace.surfaces.prompts == {}
    assert slack.workspace.state.violations
    slack.done(method, **place, prompts=[PROMPT] * 4)
    assert len(slack.workspace.surfaces.prompts[slack.dm]) == 4
    assert slack.call(method, **place, prompts=[PROMPT] * 5)["error"] == "invalid_arguments"


@pytest.mark.parametrize("status", ["", "생각하는 중", "done"])
def test_session_takes_only_its_four_words(slack: Room, status: str) -> None:
    place = {"channel_id": slack.dm, "thread_ts": slack.ask(slack.dm)}
    refused = slack.call("agents.sessions.setStatus", **place, status=status)
    assert refused["error"] == "invalid_arguments"
    slack.done("agents.sessions.setStatus", **place, status="processing", title="대화")
    slack.workspace.rules.agent_sessions = False
    unknown = slack.call("agents.sessions.setStatus", **place, status="active")
    assert unknown["error"] == "unknown_method"


def test_session_without_the_stop_event_warns(slack: Room) -> None:
    slack.workspace.rules.stop_event_subscribed = False
    place = {"channel_id": slack.dm, "thread_ts": slack.ask(slack.dm)}
    answer = slack.done("agents.sessions.setStatus", **place, status="processing")
    assert answer["response_metadata"]["warnings"]


def test_trigger_opens_one_modal_within_three_seconds(slack: Room) -> None:
    trigger = press_down(slack)["trigger_id"]
    slack.done("views.open", trigger_id=trigger, view=modal())
    again = slack.call("views.open", trigger_id=trigger, view=modal())
    assert again["error"] == "exchanged_trigger_id"
    late = press_down(slack)["trigger_id"]
    slack.now += 3.1
    assert slack.call("views.open", trigger_id=late, view=modal())["error"] == "expired_trigger_id"


@pytest.mark.parametrize(
    "fields",
    [
        {"title": {"type": "plain_text", "text": "가" * 25}},
        {"blocks": [{"type": "divider"}] * 101},
        {"blocks": [{"type": "table", "rows": [[]]}]},
        {"private_metadata": "가" * 3001},
        {
            "blocks": [
                {
                    "type": "input",
                    "label": {"type": "plain_text", "text": "이유"},
                    "element": {"type": "plain_text_input", "action_id": "a"},
                }
            ]
        },
    ],
)
def test_modal_over_a_limit_is_refused(slack: Room, fields: dict[str, Any]) -> None:
    trigger = press_down(slack)["trigger_id"]
    refused = slack.call("views.open", trigger_id=trigger, view=modal(**fields))
    assert refused["error"] == "invalid_arguments"


def test_modal_is_submitted_refused_and_closed(slack: Room) -> None:
    press = press_down(slack)
    slack.done("views.open", trigger_id=press["trigger_id"], view=modal(callback_id="reason"))
    sent = slack.people.submit(PERSON, {"b": {"a": {"value": "틀렸어요"}}})
    assert sent["view"]["callback_id"] == "reason"
    assert sent["view"]["state"]["values"]["b"]["a"]["value"] == "틀렸어요"
    errors = {"response_action": "errors", "errors": {"b": "비었어요"}}
    assert slack.people.answer_submission(PERSON, errors) == {"b": "비었어요"}
    assert slack.workspace.views.modals[PERSON]
    slack.people.answer_submission(PERSON, None)
    assert not slack.workspace.views.modals[PERSON]


def test_home_is_published_and_pressed(slack: Room) -> None:
    element = {"type": "button", "text": {"type": "plain_text", "text": "도움말"}, "action_id": "h"}
    view = {"type": "home", "blocks": [{"type": "actions", "elements": [element]}]}
    slack.done("views.publish", user_id=PERSON, view=view)
    pressed = slack.people.press_in_view(PERSON, "h")
    assert pressed["actions"][0]["action_id"] == "h"
    assert pressed["view"]["type"] == "home"


def test_press_carries_the_message_and_the_side(slack: Room) -> None:
    press = press_down(slack)
    assert press["actions"][0]["value"] == "down"
    assert press["message"]["text"] == "답"
    with pytest.raises(LookupError):
        slack.people.press(PERSON, CHANNEL, press["message"]["ts"], "vote", "sideways")


def test_ephemeral_message_is_seen_by_one_person(slack: Room) -> None:
    slack.done("chat.postEphemeral", channel=CHANNEL, user=PERSON, text="너만")
    [seen] = slack.workspace.seen(PERSON, CHANNEL)
    assert (seen.kind, seen.text) == (SightingKind.EPHEMERAL, "너만")
    assert not slack.workspace.seen(OTHER, CHANNEL)
    assert slack.done("conversations.history", channel=CHANNEL)["messages"] == []


def test_mention_is_delivered_twice_with_one_ts(slack: Room) -> None:
    events = [each["event"] for each in slack.people.write(PERSON, CHANNEL, "<@U0BLLOSSOM> 안녕")]
    assert [event["type"] for event in events] == ["message", "app_mention"]
    assert events[0]["ts"] == events[1]["ts"]
    slack.workspace.directory.add_room("C2")
    assert slack.people.write(PERSON, "C2", "<@U0BLLOSSOM> 안녕") == []


def test_edits_and_deletions_are_seen_and_sent(slack: Room) -> None:
    ts = slack.ask()
    assert slack.people.edit(CHANNEL, ts, "고침")["event"]["subtype"] == "message_changed"
    assert slack.workspace.screen(OTHER, CHANNEL) == {ts: "고침"}
    assert slack.people.delete(CHANNEL, ts)["event"]["deleted_ts"] == ts
    assert slack.workspace.screen(OTHER, CHANNEL) == {}


def test_reply_to_a_thread_that_is_gone_is_noted(slack: Room) -> None:
    sent = slack.done("chat.postMessage", channel=CHANNEL, text="답", thread_ts="1.000000")
    assert "thread_ts" not in sent["message"]
    assert len(slack.workspace.state.violations) == 1


def test_thread_is_read_in_pages_oldest_first(slack: Room) -> None:
    asked = slack.ask()
    for number in range(3):
        slack.done("chat.postMessage", channel=CHANNEL, text=str(number), thread_ts=asked)
    place = {"channel": CHANNEL, "ts": asked, "limit": 3}
    page = slack.done("conversations.replies", **place)
    assert [each["text"] for each in page["messages"]] == ["질문", "0", "1"]
    rest = slack.done(
        "conversations.replies", **place, cursor=page["response_metadata"]["next_cursor"]
    )
    assert [each["text"] for each in rest["messages"]] == ["2"]
    [root] = slack.done("conversations.history", channel=CHANNEL)["messages"]
    assert root["reply_count"] == 3


@pytest.mark.parametrize(
    ("method", "arguments", "allowed"),
    [
        ("chat.postMessage", {"text": "글"}, 5),
        ("chat.startStream", {}, 20),
        ("chat.stopStream", {}, 20),
        ("chat.update", {}, 50),
        ("chat.appendStream", {}, 100),
    ],
)
def test_rate_limit_refuses_with_a_time(
    slack: Room, method: str, arguments: dict[str, str], allowed: int
) -> None:
    slack.workspace.rules.rate_limited = True

    def status() -> int:
        reply = slack.workspace.call(method, {"channel": CHANNEL, **arguments}, "xoxb-1")
        if reply.status == 429:
            assert reply.document["error"] == "ratelimited"
            slack.now += int(reply.headers["Retry-After"])
        return reply.status

    assert [status() for _ in range(allowed + 2)] == [200] * allowed + [429, 200]


def test_rate_limit_of_posts_is_of_one_channel(slack: Room) -> None:
    slack.workspace.rules.rate_limited = True
    for _ in range(5):
        slack.done("chat.postMessage", channel=CHANNEL, text="글")
    assert slack.call("chat.postMessage", channel=CHANNEL, text="글")["error"] == "ratelimited"
    slack.done("chat.postMessage", channel=slack.dm, text="글")


def test_further_methods_can_be_registered(slack: Room) -> None:
    method = Method(name="apps.connections.open", handle=lambda _call: {"url": "ws://127.0.0.1"})
    slack.workspace.add_method(method)
    assert slack.done("apps.connections.open")["url"] == "ws://127.0.0.1"
