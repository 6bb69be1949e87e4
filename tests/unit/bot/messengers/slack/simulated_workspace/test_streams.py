"""Streams: who sees them, when they end, and what Slack refuses meanwhile."""

from __future__ import annotations

import pytest

from bot.messengers.slack.simulated_workspace.sightings import SightingKind
from tests.unit.bot.messengers.slack.simulated_workspace.conftest import (
    CHANNEL,
    OTHER,
    PERSON,
    Room,
)


def test_stream_in_a_direct_message_is_seen_as_it_is_written(slack: Room) -> None:
    ts = slack.stream(slack.dm, markdown_text="안")
    slack.done("chat.appendStream", channel=slack.dm, ts=ts, markdown_text="녕")
    slack.done("chat.stopStream", channel=slack.dm, ts=ts, markdown_text="하세요")
    versions = slack.workspace.state.sightings.versions(PERSON, slack.dm, ts)
    assert versions == ["안", "안녕", "안녕하세요"]


def test_only_the_recipient_sees_a_channels_stream_live(slack: Room) -> None:
    ts = slack.stream(CHANNEL, markdown_text="하나")
    slack.done("chat.appendStream", channel=CHANNEL, ts=ts, markdown_text=" 둘")
    assert slack.workspace.screen(PERSON, CHANNEL)[ts] == "하나 둘"
    assert slack.workspace.screen(OTHER, CHANNEL)[ts] == "하나"
    slack.done("chat.stopStream", channel=CHANNEL, ts=ts)
    assert slack.workspace.screen(OTHER, CHANNEL)[ts] == "하나 둘"


def test_text_of_the_stop_is_appended(slack: Room) -> None:
    ts = slack.stream(slack.dm, markdown_text="답")
    slack.done("chat.stopStream", channel=slack.dm, ts=ts, markdown_text="답")
    assert slack.workspace.screen(PERSON, slack.dm)[ts] == "답답"


def test_stop_adds_blocks_and_metadata(slack: Room) -> None:
    ts = slack.stream(slack.dm, markdown_text="답")
    below = [{"type": "context", "elements": [{"type": "mrkdwn", "text": "AI"}]}]
    metadata = {"event_type": "t", "event_payload": {"turn_id": "1"}}
    slack.done("chat.stopStream", channel=slack.dm, ts=ts, blocks=below, metadata=metadata)
    page = slack.done("conversations.history", channel=slack.dm, include_all_metadata=True)
    # A reply is in no history of its room.
    assert [each["text"] for each in page["messages"]] == ["질문"]
    asked = slack.workspace.directory.room(slack.dm).messages[ts].thread_ts
    thread = slack.done(
        "conversations.replies", channel=slack.dm, ts=asked, include_all_metadata=True
    )
    assert thread["messages"][1]["metadata"] == metadata
    assert thread["messages"][1]["blocks"][-1] == below[0]


@pytest.mark.parametrize("method", ["chat.appendStream", "chat.stopStream"])
def test_more_than_12000_characters_at_once_are_refused(slack: Room, method: str) -> None:
    ts = slack.stream(slack.dm)
    long = "가" * 12_001
    assert (
        slack.call(method, channel=slack.dm, ts=ts, markdown_text=long)["error"] == "msg_too_long"
    )
    assert slack.call(method, channel=slack.dm, ts=ts, markdown_text=long[1:])["ok"]


@pytest.mark.parametrize("method", ["chat.appendStream", "chat.stopStream"])
def test_stream_dies_after_five_minutes_and_is_recovered_by_an_edit(
    slack: Room, method: str
) -> None:
    ts = slack.stream(slack.dm, markdown_text="반")
    arguments = {"channel": slack.dm, "ts": ts, "markdown_text": "쪽"}
    slack.now += 299
    slack.done("chat.appendStream", **arguments)
    slack.now += 1
    assert slack.call(method, **arguments)["error"] == "message_not_in_streaming_state"
    slack.done("chat.update", channel=slack.dm, ts=ts, text="전체")
    assert slack.workspace.screen(PERSON, slack.dm)[ts] == "전체"


@pytest.mark.parametrize(("method", "more"), [("chat.update", {"text": "글"}), ("chat.delete", {})])
def test_streaming_message_takes_no_edit(slack: Room, method: str, more: dict[str, str]) -> None:
    ts = slack.stream(slack.dm)
    assert (
        slack.call(method, channel=slack.dm, ts=ts, **more)["error"] == "streaming_state_conflict"
    )
    slack.done("chat.stopStream", channel=slack.dm, ts=ts, markdown_text="끝")
    slack.done(method, channel=slack.dm, ts=ts, **more)


def test_stop_button_ends_the_threads_streams_and_names_them(slack: Room) -> None:
    ts = slack.stream(slack.dm, markdown_text="반")
    asked = slack.workspace.directory.room(slack.dm).messages[ts].thread_ts
    event = slack.people.stop(PERSON, slack.dm, asked)["event"]
    assert event["streaming_message_ts"] == [ts]
    refused = slack.call("chat.appendStream", channel=slack.dm, ts=ts, markdown_text="쪽")
    assert refused["error"] == "message_not_in_streaming_state"
    assert slack.people.stop(PERSON, slack.dm, asked)["event"]["streaming_message_ts"] == []


def test_room_may_take_no_streams(slack: Room) -> None:
    asked = slack.ask(slack.dm)
    slack.workspace.rules.rooms_without_streams.add(slack.dm)
    refused = slack.call("chat.startStream", channel=slack.dm, thread_ts=asked)
    assert refused["error"] == "channel_type_not_supported"


def test_chunks_and_session_status_are_taken(slack: Room) -> None:
    ts = slack.stream(slack.dm, chunks=[{"type": "markdown_text", "text": "가"}])
    chunks = [{"type": "markdown_text", "text": "나"}, {"type": "task_update", "id": "1"}]
    slack.done("chat.appendStream", channel=slack.dm, ts=ts, chunks=chunks)
    refused = slack.call("chat.stopStream", channel=slack.dm, ts=ts, session_status="done")
    assert refused["error"] == "invalid_arguments"
    slack.done("chat.stopStream", channel=slack.dm, ts=ts, session_status="active")
    asked = slack.workspace.directory.room(slack.dm).messages[ts].thread_ts
    assert slack.workspace.surfaces.sessions[slack.dm, asked] == "active"
    kinds = [each.kind for each in slack.workspace.seen(PERSON, slack.dm, asked)]
    assert SightingKind.STREAM_STOP in kinds
