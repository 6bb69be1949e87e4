"""The Slack pane where the bot's Web API is the simulator's: rooms, streams, presses, forms."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

from bot.messengers.slack.simulator_pane import is_simulated
from bot.messengers.slack.simulator_visitors import MAX_ROOM_CHARS, Visitors
from bot.simulator.sessions import Exchange, Session
from tests.support.simulator_standin import StandInBot
from tests.support.simulator_visitor import Visitor, visitor

FEEDBACK = {
    "type": "feedback_buttons",
    "action_id": "vote",
    "positive_button": {"text": {"type": "plain_text", "text": "👍"}, "value": "good"},
    "negative_button": {"text": {"type": "plain_text", "text": "👎"}, "value": "bad"},
}
NOTE = {
    "type": "input",
    "block_id": "note",
    "label": {"type": "plain_text", "text": "이유"},
    "element": {"type": "plain_text_input", "action_id": "text", "multiline": True},
}
REASONS = {
    "type": "input",
    "block_id": "reasons",
    "label": {"type": "plain_text", "text": "어떤 점이 아쉬우셨나요?"},
    "element": {
        "type": "checkboxes",
        "action_id": "codes",
        "options": [
            {"text": {"type": "plain_text", "text": name}, "value": name}
            for name in ("사실과 달라요", "느려요")
        ],
    },
}
MODAL = {
    "type": "modal",
    "title": {"type": "plain_text", "text": "의견"},
    "submit": {"type": "plain_text", "text": "보내기"},
    "blocks": [REASONS, NOTE],
}


async def write(person: Visitor, bot: StandInBot, **action: Any) -> dict[str, Any]:
    """Write; the event that the bot gets."""
    count = len(bot.slack_events)
    assert (await person.act("write", **action))[0] == 202
    await person.until("delivered", count + 1)
    return dict(bot.slack_events[count]["event"])


async def answer_with_buttons(bot: StandInBot, event: dict[str, Any]) -> str:
    blocks = [{"type": "context_actions", "elements": [FEEDBACK]}]
    place = {"channel": event["channel"], "thread_ts": event["ts"]}
    sent = await bot.call_slack("chat.postMessage", text="답", blocks=blocks, **place)
    return str(sent["ts"])


async def test_mention_is_sent_signed_as_two_events_of_one_message(
    connected_bot: StandInBot,
) -> None:
    async with visitor(connected_bot.origin) as person:
        await write(person, connected_bot, surface="channel", text="@블라썸 1 < 2 & 3?")
        await person.until("delivered", 2)
        own = await person.until("message", own=True)
    first, second = (each["event"] for each in connected_bot.slack_events)
    assert [first["type"], second["type"]] == ["message", "app_mention"]
    assert first["ts"] == second["ts"] == own["ts"]
    assert first["text"] == "<@U0BLLOSSOM> 1 &lt; 2 &amp; 3?"
    assert own["view"][0]["children"] == [
        {"tag": "mention", "children": ["U0BLLOSSOM"]},
        " 1 < 2 & 3?",
    ]


async def test_second_delivery_says_that_it_is_one(connected_bot: StandInBot) -> None:
    async with visitor(connected_bot.origin) as person:
        await write(person, connected_bot, surface="dm", text="안녕", twice=True)
        await person.until("delivered", 2)
    first, second = connected_bot.slack_events
    assert first["event_id"] == second["event_id"]
    retries = [
        {name.lower(): value for name, value in headers.items()}.get("x-slack-retry-num")
        for headers in connected_bot.deliveries
    ]
    assert retries == [None, "1"]


async def test_stream_grows_and_a_reload_shows_its_newest_text_once(
    connected_bot: StandInBot,
) -> None:
    jar = aiohttp.CookieJar(unsafe=True)
    async with visitor(connected_bot.origin, jar) as person:
        event = await write(person, connected_bot, text="안녕?")
        place = {"channel": event["channel"]}
        started = await connected_bot.call_slack(
            "chat.startStream", thread_ts=event["ts"], markdown_text="안", **place
        )
        live = {**place, "ts": started["ts"]}
        await person.until("message", streaming=True)
        await connected_bot.call_slack("chat.appendStream", markdown_text="녕하", **live)
        await connected_bot.call_slack("chat.stopStream", markdown_text="세요", **live)
        done = await person.until("message", own=False, streaming=False)
        assert done["view"][0]["children"][0]["children"] == ["안녕하세요"]
        assert len([each for each in person.events if each.get("ts") == started["ts"]]) >= 2
    async with visitor(connected_bot.origin, jar) as again:
        await again.until("message", own=False, streaming=False)
        assert len([each for each in again.events if each.get("ts") == started["ts"]]) == 1


async def test_status_prompts_session_and_home_reach_the_page(connected_bot: StandInBot) -> None:
    async with visitor(connected_bot.origin) as person:
        await person.act("open", tab="messages")
        await person.until("delivered")
        opened = connected_bot.slack_events[0]["event"]
        assert (opened["type"], opened["tab"]) == ("app_home_opened", "messages")
        dm = opened["channel"]
        prompts = [{"title": "요약", "message": "요약해 줘"}]
        await connected_bot.call_slack(
            "assistant.threads.setSuggestedPrompts", channel_id=dm, prompts=prompts
        )
        assert (await person.until("prompts"))["prompts"] == prompts
        event = await write(person, connected_bot, text="안녕")
        thread = {"channel_id": dm, "thread_ts": event["ts"]}
        await connected_bot.call_slack("assistant.threads.setStatus", status="쓰는 중", **thread)
        assert (await person.until("status"))["text"] == "쓰는 중"
        await connected_bot.call_slack("agents.sessions.setStatus", status="processing", **thread)
        assert (await person.until("session"))["status"] == "processing"
        await connected_bot.call_slack(
            "chat.postMessage", channel=dm, text="답", thread_ts=event["ts"]
        )
        await person.until("status", 1, text="")
        view = {"type": "home", "blocks": [{"type": "divider"}]}
        await connected_bot.call_slack("views.publish", user_id=opened["user"], view=view)
        assert (await person.until("home"))["view"][0]["block"] == "divider"


async def test_stop_ends_the_stream_and_tells_the_bot(connected_bot: StandInBot) -> None:
    async with visitor(connected_bot.origin) as person:
        event = await write(person, connected_bot, text="길게")
        started = await connected_bot.call_slack(
            "chat.startStream", channel=event["channel"], thread_ts=event["ts"], markdown_text="가"
        )
        await person.act("stop", surface="dm", thread_ts=event["ts"])
        await person.until("delivered", 2)
        stopped = connected_bot.slack_events[-1]["event"]
        assert stopped["type"] == "agent_session_stopped"
        assert stopped["streaming_message_ts"] == [started["ts"]]


async def test_press_opens_a_form_that_is_refused_and_then_taken(
    connected_bot: StandInBot,
) -> None:
    async with visitor(connected_bot.origin) as person:
        event = await write(person, connected_bot, surface="channel", text="@블라썸 안녕")
        ts = await answer_with_buttons(connected_bot, event)
        await person.act("press", surface="channel", ts=ts, action_id="vote", value="bad")
        await person.until("delivered", name="block_actions")
        press = connected_bot.presses[0]
        assert (press["actions"][0]["value"], press["message"]["ts"]) == ("bad", ts)
        await connected_bot.call_slack("views.open", trigger_id=press["trigger_id"], view=MODAL)
        shown = await person.until("modal")
        assert (shown["title"], shown["submit"]) == ("의견", "보내기")
        connected_bot.submission = {"response_action": "errors", "errors": {"note": "적어 주세요"}}
        await person.act("submit", values={"reasons": ["느려요"]})
        assert (await person.until("modal_errors"))["errors"] == {"note": "적어 주세요"}
        connected_bot.submission = None
        await person.act("submit", values={"reasons": ["느려요"], "note": "10초나 걸려요"})
        await person.until("modal_closed")
    state = connected_bot.presses[-1]["view"]["state"]["values"]
    assert state["note"]["text"]["value"] == "10초나 걸려요"
    assert [each["value"] for each in state["reasons"]["codes"]["selected_options"]] == ["느려요"]


@pytest.mark.parametrize(
    "action",
    [
        {"do": "press", "ts": "1.000000", "action_id": "vote"},
        {"do": "press_view", "action_id": "x"},
        {"do": "submit"},
        {"do": "close"},
    ],
)
async def test_deed_that_is_not_possible_any_more_is_readable(
    connected_bot: StandInBot, action: dict[str, str]
) -> None:
    async with visitor(connected_bot.origin) as person:
        await person.act(**action)
        assert "이제 없습니다" in (await person.until("failure"))["title"]
    assert not connected_bot.presses


@pytest.mark.parametrize(
    ("state", "error", "shown"),
    [
        ("works", "", 1),
        ("rate_limited", "ratelimited", 0),
        ("server_error", "internal_error", 0),
    ],
)
async def test_platform_fails_as_the_person_chooses(
    connected_bot: StandInBot, state: str, error: str, shown: int
) -> None:
    async with visitor(connected_bot.origin) as person:
        event = await write(person, connected_bot, text="안녕")
        await person.act("platform", platform=state)
        await person.until("platform", state=state)
        answer = await connected_bot.call_slack(
            "chat.postMessage", channel=event["channel"], text="답"
        )
        assert answer.get("error", "") == error
        if error:
            assert (await person.until("refused"))["error"] == error
        assert len([each for each in person.events if each.get("own") is False]) == shown


async def test_cut_connection_shows_the_message_without_an_answer(
    connected_bot: StandInBot,
) -> None:
    async with visitor(connected_bot.origin) as person:
        event = await write(person, connected_bot, text="안녕")
        await person.act("platform", platform="cut")
        await person.until("platform", state="cut")
        with pytest.raises(aiohttp.ClientError):
            await connected_bot.call_slack("chat.postMessage", channel=event["channel"], text="답")
        await person.until("message", own=False)


async def test_streams_can_be_refused_for_one_person(connected_bot: StandInBot) -> None:
    async with visitor(connected_bot.origin) as one, visitor(connected_bot.origin) as other:
        event = await write(one, connected_bot, text="안녕")
        await one.act("platform", platform="no_streams")
        await one.until("platform", state="no_streams")
        place = {"channel": event["channel"], "thread_ts": event["ts"]}
        refused = await connected_bot.call_slack("chat.startStream", **place)
        assert refused["error"] == "channel_type_not_supported"
        await other.act("write", text="나도 안녕")
        await other.until("delivered")
        theirs = connected_bot.slack_events[-1]["event"]
        assert theirs["channel"] != event["channel"]
        place = {"channel": theirs["channel"], "thread_ts": theirs["ts"]}
        assert (await connected_bot.call_slack("chat.startStream", **place))["ok"]
        assert "refused" not in other.kinds()


@pytest.mark.parametrize("token", ["", "xoxb-of-somebody-else"])
async def test_web_api_is_only_for_the_bot(
    connected_bot: StandInBot, bot: StandInBot, token: str
) -> None:
    assert await connected_bot.call_slack("auth.test", token=token) == 403
    # A bot without a token of the local run has no Web API here at all.
    assert await bot.call_slack("auth.test", token=token) == 403
    assert await bot.call_slack("auth.test") == 403
    assert (await connected_bot.call_slack("auth.test"))["user_id"] == "U0BLLOSSOM"


async def test_body_that_is_no_call_is_refused_as_slack_does(connected_bot: StandInBot) -> None:
    headers = {"Authorization": "Bearer xoxb-token-of-the-tests"}
    url = f"{connected_bot.origin}/simulator/slack/api/chat.postMessage"
    async with (
        aiohttp.ClientSession() as client,
        client.post(url, json=["글"], headers=headers) as response,
    ):
        assert await response.json() == {"ok": False, "error": "invalid_json"}


def test_only_the_newest_visitors_keep_their_rooms() -> None:
    visitors = Visitors("xoxb-1", capacity=2)
    rooms = [visitors.of(Exchange(Session(), "slack")) for _ in range(3)]
    assert len(visitors.workspace.directory.rooms) == 4
    assert visitors.concerned({"channel": rooms[0].dm}) is None
    assert visitors.concerned({"channel_id": rooms[2].channel}) is rooms[2]


def test_rooms_keep_no_more_than_their_texts_may_hold() -> None:
    visitors = Visitors("xoxb-1")
    visitor = visitors.of(Exchange(Session(), "slack"))
    for number in range(60):
        visitors.people.write(visitor.user, visitor.dm, f"{number}" * 5_000)
    kept = [*visitors.workspace.directory.room(visitor.dm).messages.values()]
    assert sum(message.chars for message in kept) <= MAX_ROOM_CHARS
    assert kept[-1].text.startswith("59")


@pytest.mark.parametrize(
    ("url", "simulated"),
    [
        ("http://127.0.0.1:8080/simulator/slack/api/", True),
        ("https://slack.com/api/", False),
        ("", False),
        ("http://[", False),
    ],
)
def test_only_the_simulators_own_address_is_simulated(url: str, simulated: bool) -> None:
    assert is_simulated(url) is simulated


async def test_response_url_message_can_be_pressed(connected_bot: StandInBot) -> None:
    blocks = [{"type": "context_actions", "elements": [FEEDBACK]}]
    connected_bot.slack_answers = [{"text": "답", "blocks": blocks}]
    async with visitor(connected_bot.origin) as person:
        await person.say("slack", text="안녕")
        answer = await person.until("answer")
        await person.act(
            "press", surface="channel", ts=answer["ts"], action_id="vote", value="good"
        )
        await person.until("delivered", name="block_actions")
    await asyncio.sleep(0)
    assert connected_bot.presses[0]["channel"]["id"] == connected_bot.commands[0]["channel_id"]
