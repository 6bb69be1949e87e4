"""What becomes of each kind of Slack's events: answered, ignored, or erased."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Any, NamedTuple

import pytest
from slack_sdk.oauth.installation_store import Installation
from structlog.testing import capture_logs

from bot.messengers.slack import simulated_events as events
from bot.messengers.slack.installing.bot_tokens import installations_of
from bot.messengers.slack.settings import SlackSettings
from bot.observability.metrics import UNKNOWN_REQUESTS
from bot.text.catalog import TEXTS
from fakes.engine_server import EngineServer
from tests.support.slack_chat import SlackChat
from tests.support.stack import SLACK_OAUTH, Stack, running_stack

Event = dict[str, Any]
MENTION = f"<@{events.BOT_USER_ID}>"
FILES = [events.file("보고서.pdf", "application/pdf", "https://files.example.com/1", 3)]
OTHER_BOT = {"bot_id": "B0OTHERBOT", "bot_profile": {"id": "B0OTHERBOT", "name": "다른 봇"}}


class Place(NamedTuple):
    """Where an event happens, and whose message it tells of."""

    room: str
    user: str
    text: str  #: a question of its own; in rooms it mentions the bot
    ts: str
    root: str  #: of a thread in which nobody has asked the bot


Build = Callable[[Place], Event]


def said(**fields: Any) -> Build:
    """The event of a message in a room or a direct channel."""
    return lambda at: {**events.message(at.room, at.user, at.text, ts=at.ts), **fields}


def mentioned(**fields: Any) -> Build:
    """The event of a mention alone."""
    return lambda at: {**events.app_mention(at.room, at.user, at.text, ts=at.ts), **fields}


def told(subtype: str, **fields: Any) -> Build:
    """A message by which Slack tells of something; its text names the bot all the same."""
    return said(subtype=subtype, **fields)


def threaded(subtype: str) -> Build:
    """A message in a thread of a room."""
    return lambda at: said(thread_ts=at.root, subtype=subtype)(at)


def edited(at: Place) -> Event:
    return events.message_changed(at.room, said()(at), f"{at.text}?")


def deleted(at: Place) -> Event:
    return events.message_deleted(at.room, said()(at))


def replied(at: Place) -> Event:
    return {**edited(at), "subtype": "message_replied"}


#: Answered once in a room, where the text mentions the bot, and in a direct channel.
ANSWERED: dict[str, Build] = {
    "message": said(),
    "message with files": said(files=FILES),
    "file_share": said(subtype="file_share", files=FILES, upload=True),
    "message of another company": said(user_team="T9", source_team="T9", user_profile={}),
    "message with a shared one": said(attachments=[{"is_share": True, "text": "앞의 글"}]),
}
ANSWERED_IN_ROOMS: dict[str, Build] = {
    "app_mention": mentioned(),
    "app_mention with files": mentioned(files=FILES),
    "thread_broadcast": threaded("thread_broadcast"),
    "group message": said(channel_type="mpim"),
}
ANSWERED_DIRECTLY: dict[str, Build] = {
    "in the app's tab": said(channel_type="app_home"),
    "in the assistant": said(assistant_thread={"title": "질문"}),
}
#: Nobody's question, although the text would be one.
IGNORED: dict[str, Build] = {
    "another bot": said(**OTHER_BOT),
    "another bot's mention": mentioned(**OTHER_BOT),
    "the bot itself": said(user=events.BOT_USER_ID, bot_id=events.BOT_ID),
    "the bot without its bot id": said(user=events.BOT_USER_ID),
    "nobody": said(user=None),
    "Slackbot": said(user="USLACKBOT"),
    "hidden": said(hidden=True),
    "edited": said(edited={"user": "U1", "ts": "1700000000.000100"}),
    "message_changed": edited,
    "message_deleted": deleted,
    "message_replied": replied,
    **{
        subtype: told(subtype)
        for subtype in (
            "assistant_app_thread",
            "bot_add",
            "bot_message",
            "bot_remove",
            "channel_archive",
            "channel_canvas_updated",
            "channel_convert_to_private",
            "channel_join",
            "channel_leave",
            "channel_name",
            "channel_posting_permissions",
            "channel_purpose",
            "channel_topic",
            "channel_unarchive",
            "ekm_access_denied",
            "group_join",
            "group_topic",
            "huddle_thread",
            "me_message",
            "pinned_item",
            "reminder_add",
            "reply_broadcast",
            "sh_room_created",
            "tombstone",
            "one_of_next_year",
        )
    },
}
IGNORED_IN_ROOMS: dict[str, Build] = {
    "a mention of another": lambda at: said()(at._replace(text="<@U2> 어때?")),
    "people among themselves": lambda at: said()(at._replace(text="우리끼리")),
    "a file among people": lambda at: said(subtype="file_share", files=FILES)(
        at._replace(text="여기요")
    ),
    "a broadcast among people": lambda at: threaded("thread_broadcast")(
        at._replace(text="다들 보세요")
    ),
}
#: Acknowledged and counted.
UNKNOWN = (
    "assistant_thread_started",
    "call_rejected",
    "channel_created",
    "emoji_changed",
    "file_shared",
    "function_executed",
    "grid_migration_finished",
    "link_shared",
    "member_joined_channel",
    "message_metadata_posted",
    "one_of_next_year",
    "reaction_added",
    "subteam_updated",
    "team_access_revoked",
    "team_join",
    "workflow_step_execute",
)


def answered_shapes() -> list[tuple[str, str, Build]]:
    everywhere = [(where, *row) for where in ("room", "direct") for row in ANSWERED.items()]
    rooms = [("room", *row) for row in ANSWERED_IN_ROOMS.items()]
    return [*everywhere, *rooms, *(("direct", *row) for row in ANSWERED_DIRECTLY.items())]


def ignored_shapes() -> list[tuple[str, str, Build]]:
    everywhere = [(where, *row) for where in ("room", "direct") for row in IGNORED.items()]
    return [*everywhere, *(("room", *row) for row in IGNORED_IN_ROOMS.items())]


def place(chat: SlackChat, where: str, question: str) -> Place:
    """A message that a person has written, of which no event was sent yet."""
    room = "C1" if where == "room" else chat.direct("U1")
    text = f"{MENTION} {question}" if where == "room" else question
    [root, *_] = chat.people.write("U1", room, "뿌리")
    [written, *_] = chat.people.write("U1", room, text)
    return Place(room, "U1", text, written["event"]["ts"], root["event"]["ts"])


async def send(chat: SlackChat, event: Event) -> None:
    """Send an event as it is; it is acknowledged in time."""
    async with asyncio.timeout(3):
        response = await chat.send(events.event_callback(event))
    assert (response.status, response.body) == (200, ""), event


async def test_what_people_ask_is_answered_once(chat: SlackChat, server: EngineServer) -> None:
    questions = {}
    for number, (where, name, build) in enumerate(answered_shapes()):
        questions[f"질문 {number}"] = f"{name} ({where})"
        await send(chat, build(place(chat, where, f"질문 {number}")))
    for question in questions:
        await chat.until_answered(question)
    turns = Counter(turn.text for turn in await chat.stack.rows("SELECT text FROM turns"))
    assert turns == Counter([*questions])
    assert len(server.requests) == len(questions)


async def test_the_model_is_told_of_files_that_it_cannot_see(
    chat: SlackChat, server: EngineServer
) -> None:
    for where in ("room", "direct"):
        await send(chat, said(subtype="file_share", files=FILES)(place(chat, where, "요약해 줘")))
        await chat.until_answered("요약해 줘")
        asked = server.requests[-1].contents[-1]
        assert asked.endswith(f"요약해 줘\n\n{TEXTS['ko'].files_note}")


async def test_what_nobody_asks_is_ignored(chat: SlackChat) -> None:
    for where, name, build in ignored_shapes():
        await send(chat, build(place(chat, where, "질문")))
        assert await chat.stack.rows("SELECT 1 FROM turns") == [], f"{name} ({where})"
    last = place(chat, "direct", "끝")
    await send(chat, said()(last))
    await chat.until_answered("끝")
    calls = [call for call in chat.stack.slack.web_api.calls if "thread_ts" in call.arguments]
    assert {call.arguments["thread_ts"] for call in calls} == {last.ts}
    assert [text for text in chat.thread("U1", last.room, last.ts) if "에코" in text]


async def test_unknown_events_are_acknowledged_and_counted(chat: SlackChat) -> None:
    counter = UNKNOWN_REQUESTS.labels("slack", "event")._value
    for kind in UNKNOWN:
        before = counter.get()
        inner: Event = {"type": kind, "user": {"id": "U1"}, "channel": {"id": "C1"}, "item": {}}
        await send(chat, inner)
        await send(chat, {**inner, "user": "U1", "channel": "C1", "workflow_step": {}})
        assert counter.get() == before + 2, kind
    assert chat.stack.slack.web_api.calls == []
    assert await chat.stack.rows("SELECT 1 FROM turns") == []


async def test_what_comes_without_an_event_is_acknowledged_and_counted(chat: SlackChat) -> None:
    counter = UNKNOWN_REQUESTS.labels("slack", "request")._value
    before = counter.get()
    for body in ({"type": ""}, events.event_callback({}), {"type": "event_callback"}):
        assert (await chat.send(body)).status == 200
    assert counter.get() == before + 3


async def test_an_operator_learns_that_slack_withholds_events(chat: SlackChat) -> None:
    body = {"type": "app_rate_limited", "team_id": "T1", "minute_rate_limited": 1795000000}
    with capture_logs() as logs:
        assert (await chat.send(body)).status == 200
    assert {"event": "slack_events_withheld", "team": "T1", "log_level": "warning"} in logs


@pytest.fixture
async def installed(database_url: str, redis_url: str) -> AsyncIterator[Stack]:
    """A bot that is installed in T1, T2 and the organisation E1, by a person each."""
    changes: dict[str, Any] = dict(SLACK_OAUTH)
    async with running_stack(database_url, redis_url, **changes) as stack:
        [settings] = [
            one.settings
            for one in stack.configuration.messengers
            if isinstance(one.settings, SlackSettings)
        ]
        store = installations_of(settings, stack.database)
        assert store is not None
        for team, enterprise in (("T1", None), ("T2", None), (None, "E1")):
            await store.async_save(
                Installation(
                    app_id="A1",
                    team_id=team,
                    enterprise_id=enterprise,
                    is_enterprise_install=team is None,
                    user_id="U1",
                    user_token="xoxp-1",
                    bot_token="xoxb-1",
                )
            )
        yield stack


ALL = {"T1", "T2", "E1"}
PERSON = {"type": "tokens_revoked", "tokens": {"oauth": ["U1"], "bot": []}}


@pytest.mark.parametrize(
    ("body", "bots", "people"),
    [
        ({"event": events.app_uninstalled(), "team_id": "T1"}, ALL - {"T1"}, ALL - {"T1"}),
        ({"event": events.tokens_revoked(), "team_id": "T1"}, ALL - {"T1"}, ALL - {"T1"}),
        ({"event": PERSON, "team_id": "T1"}, ALL, ALL - {"T1"}),
        (
            {"event": events.app_uninstalled(), "team_id": "T1", "enterprise_id": "E1"},
            ALL - {"T1"},
            ALL - {"T1"},
        ),
        ({"event": events.app_uninstalled(), "enterprise_id": "E1"}, {"T1", "T2"}, {"T1", "T2"}),
        ({"event": events.tokens_revoked(), "enterprise_id": "E1"}, {"T1", "T2"}, {"T1", "T2"}),
        ({"event": events.app_uninstalled(), "team_id": "T3"}, ALL, ALL),
        ({"event": events.app_uninstalled(), "team_id": "", "enterprise_id": ""}, ALL, ALL),
        ({"event": events.app_uninstalled(), "team_id": None}, ALL, ALL),
        ({"event": {**PERSON, "tokens": {}}, "team_id": "T1"}, ALL, ALL),
        ({"event": {"type": "team_access_revoked", "team_ids": ["T1"]}}, ALL, ALL),
        ({"event": {"type": "app_uninstalled_team"}, "team_id": "T1"}, ALL, ALL),
    ],
)
async def test_only_the_workspace_that_removes_the_app_is_erased(
    installed: Stack, body: dict[str, Any], bots: set[str], people: set[str]
) -> None:
    chat = SlackChat(installed)
    assert (await chat.send({"type": "event_callback", "event_id": "Ev1", **body})).status == 200
    left = {}
    for table in ("slack_bots", "slack_installations"):
        rows = await installed.rows(
            f"SELECT coalesce(team_id, enterprise_id) AS place FROM {table}"
        )
        left[table] = {row.place for row in rows}
    assert left == {"slack_bots": bots, "slack_installations": people}
