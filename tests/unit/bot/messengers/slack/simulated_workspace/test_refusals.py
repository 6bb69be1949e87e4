"""Slack's refusals, one by one."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.bot.messengers.slack.simulated_workspace.conftest import (
    CHANNEL,
    OTHER,
    PERSON,
    TOKEN,
    Room,
)


def text(words: str, kind: str = "plain_text") -> dict[str, Any]:
    return {"type": kind, "text": words}


def button(**fields: Any) -> dict[str, Any]:
    return {"type": "button", "text": text("누르기"), "action_id": "a", **fields}


def feedback(**fields: Any) -> dict[str, Any]:
    up, down = ({"text": text(mark), "value": mark} for mark in "👍👎")
    return {"type": "feedback_buttons", "positive_button": up, "negative_button": down, **fields}


def actions(*elements: dict[str, Any], kind: str = "actions") -> dict[str, Any]:
    return {"type": kind, "elements": [*elements]}


def table(rows: int, columns: int, words: str = "칸") -> dict[str, Any]:
    cell = {"type": "raw_text", "text": words}
    return {"type": "table", "rows": [[cell] * columns] * rows}


MARKDOWN = {"type": "markdown", "text": "가" * 6001}


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"text": ""}, "no_text"),
        ({"text": "가" * 40_001}, "msg_too_long"),
        ({"text": "글", "blocks": [MARKDOWN] * 2}, "msg_blocks_too_long"),
        ({"text": "글", "blocks": [{"type": "divider"}] * 51}, "invalid_blocks"),
        (
            {"text": "글", "blocks": [{"type": "section", "text": text("가" * 3001)}]},
            "invalid_blocks",
        ),
        (
            {"text": "글", "blocks": [{"type": "header", "text": text("가" * 151)}]},
            "invalid_blocks",
        ),
        ({"text": "글", "blocks": [actions(*[button()] * 26)]}, "invalid_blocks"),
        ({"text": "글", "blocks": [actions(button(), button())]}, "invalid_blocks"),
        ({"text": "글", "blocks": [actions(button(text=text("가" * 76)))]}, "invalid_blocks"),
        ({"text": "글", "blocks": [actions(button(value="가" * 2001))]}, "invalid_blocks"),
        ({"text": "글", "blocks": [actions(button(action_id="가" * 256))]}, "invalid_blocks"),
        ({"text": "글", "blocks": [actions(button(style="loud"))]}, "invalid_blocks"),
        ({"text": "글", "blocks": [actions(feedback())]}, "invalid_blocks"),
        ({"text": "글", "blocks": [actions(button(), kind="context_actions")]}, "invalid_blocks"),
        ({"text": "글", "blocks": [{"type": "divider", "block_id": "b"}] * 2}, "invalid_blocks"),
        ({"text": "글", "blocks": [table(101, 1)]}, "invalid_blocks"),
        ({"text": "글", "blocks": [table(1, 21)]}, "invalid_blocks"),
        ({"text": "글", "blocks": [table(100, 20, "여섯글자다.")]}, "invalid_blocks"),
        ({"text": "글", "blocks": [table(1, 1), table(1, 1)]}, "invalid_attachments"),
        ({"text": "글", "markdown_text": "글"}, "markdown_text_conflict"),
        ({"markdown_text": "가" * 12_001}, "msg_too_long"),
        ({"text": "글", "metadata": {"event_type": "t"}}, "invalid_arguments"),
        ({"text": "글", "blocks": "{"}, "invalid_arguments"),
        ({"text": "글", "channel": "C404"}, "channel_not_found"),
        ({"text": "글", "channel": "C2"}, "not_in_channel"),
        ({"text": "글", "channel": "G2"}, "channel_not_found"),
        ({"text": "글", "channel": "C3"}, "is_archived"),
        ({"text": "글", "channel": ""}, "invalid_arguments"),
    ],
)
def test_message_over_a_limit_is_refused(
    slack: Room, arguments: dict[str, Any], error: str
) -> None:
    for room in ("C2", "G2", "C3"):
        slack.workspace.directory.add_room(room)
    slack.workspace.directory.archived.add("C3")
    refused = slack.call("chat.postMessage", **{"channel": CHANNEL, **arguments})
    assert (refused["ok"], refused["error"]) == (False, error)
    assert not slack.workspace.seen(PERSON, CHANNEL)


@pytest.mark.parametrize(
    "blocks",
    [
        [{"type": "markdown", "text": "가" * 12_000}],
        [actions(*(button(action_id=str(n)) for n in range(25)))],
        [actions(feedback(action_id="f"), kind="context_actions")],
        [table(100, 20, "다섯글자")],
        [{"type": "section", "text": text("가" * 3000), "accessory": button(value="가" * 2000)}],
    ],
)
def test_blocks_at_the_limit_are_taken(slack: Room, blocks: list[Any]) -> None:
    assert slack.call("chat.postMessage", channel=CHANNEL, text="글", blocks=blocks)["ok"]
    assert slack.call("blocks.validate", blocks=blocks)["ok"]


@pytest.mark.parametrize(
    ("method", "arguments", "error"),
    [
        ("chat.update", {"ts": "1.0", "text": "글"}, "message_not_found"),
        ("chat.update", {"ts": "theirs", "text": "글"}, "cant_update_message"),
        ("chat.delete", {"ts": "theirs"}, "cant_delete_message"),
        ("chat.appendStream", {"ts": "theirs", "markdown_text": "글"}, "message_not_owned_by_app"),
        (
            "chat.appendStream",
            {"ts": "ours", "markdown_text": "글"},
            "message_not_in_streaming_state",
        ),
        ("chat.stopStream", {"ts": "ours"}, "message_not_in_streaming_state"),
        ("chat.startStream", {}, "invalid_arguments"),
        ("chat.startStream", {"thread_ts": "theirs"}, "missing_recipient_team_id"),
        (
            "chat.startStream",
            {"thread_ts": "theirs", "recipient_team_id": "T0BLLOSSOM"},
            "missing_recipient_user_id",
        ),
        ("chat.postEphemeral", {"user": "U404", "text": "글"}, "user_not_in_channel"),
        ("conversations.replies", {"ts": "1.0"}, "thread_not_found"),
        ("conversations.history", {"limit": 0}, "invalid_limit"),
        ("conversations.history", {"cursor": "x"}, "invalid_cursor"),
        ("conversations.history", {"oldest": "x"}, "invalid_arguments"),
        ("conversations.info", {"channel": "C404"}, "channel_not_found"),
        ("conversations.open", {"users": "U404"}, "user_not_found"),
        ("users.info", {"user": "U404"}, "user_not_found"),
        ("reactions.add", {"timestamp": "1.0", "name": "eyes"}, "message_not_found"),
        ("blocks.validate", {}, "invalid_arguments"),
        ("views.open", {"trigger_id": "1.2.3", "view": {}}, "invalid_trigger_id"),
        ("views.publish", {"user_id": "U404", "view": {}}, "user_not_found"),
        ("views.update", {"view_id": "V404", "view": {}}, "not_found"),
        ("chat.teleport", {}, "unknown_method"),
    ],
)
def test_call_that_slack_refuses(
    slack: Room, method: str, arguments: dict[str, Any], error: str
) -> None:
    theirs = slack.ask()
    ours = slack.done("chat.postMessage", channel=CHANNEL, text="답")["ts"]
    named = {"theirs": theirs, "ours": ours}
    given = {name: named.get(str(value), value) for name, value in arguments.items()}
    assert slack.call(method, **{"channel": CHANNEL, **given})["error"] == error


@pytest.mark.parametrize(
    ("method", "arguments", "scope"),
    [
        ("chat.postMessage", {"channel": CHANNEL, "text": "글"}, "chat:write"),
        ("conversations.history", {"channel": CHANNEL}, "channels:history"),
        ("conversations.history", {"channel": "G1"}, "groups:history"),
        ("conversations.replies", {"channel": "DU1", "ts": "1.0"}, "im:history"),
        ("users.info", {"user": PERSON}, "users:read"),
        ("conversations.open", {"users": PERSON}, "im:write"),
        ("reactions.add", {"channel": CHANNEL}, "reactions:write"),
        ("assistant.threads.setSuggestedPrompts", {}, "assistant:write"),
    ],
)
def test_missing_scope_is_named(
    slack: Room, method: str, arguments: dict[str, Any], scope: str
) -> None:
    slack.workspace.directory.add_room("G1")
    slack.token.scopes.discard(scope)
    refused = slack.call(method, **arguments)
    assert (refused["error"], refused["needed"]) == ("missing_scope", scope)


@pytest.mark.parametrize(
    ("token", "error"),
    [
        ("", "not_authed"),
        ("none", "not_authed"),
        ("xoxb-2", "invalid_auth"),
        (TOKEN, "token_expired"),
    ],
)
def test_token_that_is_none_is_refused(slack: Room, token: str, error: str) -> None:
    slack.workspace.tokens.revoke(TOKEN, "token_expired")
    assert slack.workspace.call("auth.test", {}, token).document == {"ok": False, "error": error}


def test_auth_test_names_the_bot_and_its_scopes(slack: Room) -> None:
    slack.token.scopes = {"chat:write", "commands"}
    reply = slack.workspace.call("auth.test", {}, TOKEN)
    assert reply.headers["x-oauth-scopes"] == "chat:write,commands"
    assert (reply.document["user_id"], reply.document["team_id"]) == ("U0BLLOSSOM", "T0BLLOSSOM")


def test_stranger_never_reads_a_private_room(slack: Room) -> None:
    slack.done("chat.postMessage", channel=slack.dm, text="비밀")
    assert slack.workspace.screen(PERSON, slack.dm)
    assert slack.workspace.screen(OTHER, slack.dm) == {}
