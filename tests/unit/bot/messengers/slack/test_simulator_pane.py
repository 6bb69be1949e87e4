"""The Slack pane, from the page's POST through the bot's real endpoint and back as events."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from bot.messengers.slack.simulator_commands import PageMessage, SimulatedSlack
from bot.simulator.sessions import Exchange, Session
from bot.simulator.webhook_client import WebhookClient
from fakes.faults import serving
from tests.support.simulator_standin import SLACK_SECRET, StandInBot
from tests.support.simulator_visitor import visitor

#: As Slack's guide to slash commands lists them.
FIELDS = {
    "token",
    "team_id",
    "team_domain",
    "channel_id",
    "channel_name",
    "user_id",
    "user_name",
    "command",
    "text",
    "api_app_id",
    "response_url",
    "trigger_id",
}


async def post(url: str, body: Any) -> tuple[int, str]:
    async with aiohttp.ClientSession() as client, client.post(url, json=body) as response:
        return response.status, await response.text()


@pytest.mark.parametrize(
    "typed", ["/bllossom 안녕 & 잘 가", "안녕 & 잘 가", "/bllossom   안녕 & 잘 가"]
)
async def test_typed_message_is_sent_signed_and_answered(bot: StandInBot, typed: str) -> None:
    async with visitor(bot.origin) as person:
        assert (await person.say("slack", text=typed))[0] == 202
        answer = await person.until("answer")
        assert (answer["via"], answer["use"], answer["ephemeral"]) == ("response_url", 1, True)
        assert answer["view"] == [{"tag": "p", "children": ["안녕하세요"]}]
        assert person.kinds() == ["utterance", "request", "acknowledged", "answer"]
    command = bot.commands[0]
    assert command.keys() >= FIELDS
    assert (command["command"], command["text"]) == ("/bllossom", "안녕 & 잘 가")
    assert command["team_id"].startswith("T")
    assert command["user_id"].startswith("U")
    assert bot.receipts == ["ok"]


async def test_the_signature_and_the_secret_are_never_shown(bot: StandInBot) -> None:
    async with visitor(bot.origin) as person:
        await person.say("slack", text="안녕")
        await person.until("answer")
        record = (await person.until("request"))["wire"]["request"]
        assert record["headers"]["X-Slack-Signature"] == "••••••"
        assert record["body"] == bot.commands[0]
        everything = json.dumps(person.events)
        assert SLACK_SECRET not in everything
        assert "v0=" not in everything


async def test_the_same_command_twice_is_the_same_request_twice(bot: StandInBot) -> None:
    async with visitor(bot.origin) as person:
        await person.say("slack", text="안녕", twice=True)
        await person.until("acknowledged", 2)
        await person.until("answer")
        assert person.kinds().count("answer") == 1
    first, second = bot.commands
    assert first == second
    retry = {key.lower(): value for key, value in bot.deliveries[1].items()}
    assert retry["x-slack-retry-num"] == "1"
    assert "x-slack-retry-num" not in {key.lower() for key in bot.deliveries[0]}


async def test_two_commands_have_two_trigger_ids_and_one_person(bot: StandInBot) -> None:
    async with visitor(bot.origin) as person:
        await person.say("slack", text="하나")
        await person.say("slack", text="둘")
        await person.until("answer", 2)
    assert len({command["trigger_id"] for command in bot.commands}) == 2
    assert len({command["user_id"] for command in bot.commands}) == 1


async def test_a_response_url_is_good_for_five_posts(bot: StandInBot) -> None:
    bot.slack_answers = []
    async with visitor(bot.origin) as person:
        await person.say("slack", text="안녕")
        await person.until("acknowledged")
        url = bot.commands[0]["response_url"]
        answers = [await post(url, {"text": str(number)}) for number in range(6)]
        assert answers[:5] == [(200, "ok")] * 5
        assert answers[5][0] == 404
        assert "used_url" in answers[5][1]
        assert "invalid_url" in (await post(f"{url}x", {"text": "아무나"}))[1]
        await person.until("answer", 5)
        assert [event["use"] for event in person.events if "use" in event] == [1, 2, 3, 4, 5]


async def test_acknowledgement_may_carry_a_text_that_is_replaced_later(bot: StandInBot) -> None:
    bot.slack_acknowledgement = "생각하고 있어요"
    bot.slack_answers = [
        {"text": "답", "response_type": "in_channel", "replace_original": True},
        {"delete_original": True},
    ]
    async with visitor(bot.origin) as person:
        await person.say("slack", text="안녕")
        spoken = await person.until("answer", via="ack")
        assert spoken["view"][0]["children"] == ["생각하고 있어요"]
        replaced = await person.until("answer", via="response_url")
        assert (replaced["replaces"], replaced["ephemeral"]) == (True, False)
        deleted = await person.until("answer", 2, via="response_url")
        assert (deleted["replaces"], deleted["view"]) == (True, [])


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ({"text": "글", "blocks": [{"type": "markdown", "text": "가" * 12_001}]}, "msg_blocks"),
        ({"blocks": [{"type": "divider"}]}, "no_text"),
        ({"text": "글", "blocks": [{"type": "section", "fields": 5}]}, "invalid_blocks"),
        (["글"], "invalid_blocks"),
    ],
)
async def test_messages_over_the_limits_are_refused(
    bot: StandInBot, message: Any, code: str
) -> None:
    bot.slack_answers = [message]
    async with visitor(bot.origin) as person:
        await person.say("slack", text="안녕")
        assert code in (await person.until("failure"))["title"]
    assert code in bot.receipts[0]["error"]


async def test_a_wrong_signature_and_an_unknown_command_are_readable(bot: StandInBot) -> None:
    bot.slack_secret = "another"
    async with visitor(bot.origin) as person:
        await person.say("slack", text="안녕")
        failure = await person.until("failure")
        assert "dispatch_failed" in failure["title"]
        assert "BOT_SLACK_SIGNING_SECRET" in failure["detail"]
        await person.say("slack", text="/weather 서울")
        assert "/weather" in (await person.until("failure", 2))["title"]
    assert not bot.commands


async def test_slack_gives_up_after_its_time() -> None:
    async def sleepy(_request: aiohttp.web.Request) -> aiohttp.web.Response:
        await asyncio.sleep(1)
        return aiohttp.web.Response()

    app = aiohttp.web.Application()
    app.router.add_post("/webhooks/slack/commands", sleepy)
    session = Session()
    async with serving(app) as origin, WebhookClient() as client:
        slack = SimulatedSlack(client, SLACK_SECRET, lambda: origin, ack_s=0.1)
        await slack.send(Exchange(session, "slack"), PageMessage(text="안녕"))
    failure = json.loads(session.events.after(0)[-1].json)
    assert "operation_timeout" in failure["title"]
