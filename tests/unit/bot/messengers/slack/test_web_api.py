"""Slack's Web API as the bot uses it: what each answer means, and what an absence takes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID, uuid4

import pytest
from pydantic import SecretStr

from bot.doctor.examination import examine
from bot.domain.deliveries import DeliveryResult, Outcome
from bot.domain.messenger import LookupOutcome, LookupResult
from bot.http.origin import origin_of
from bot.http.outbound import OutboundClient
from bot.messengers.slack import web_api
from bot.messengers.slack.api import ApiResult
from bot.messengers.slack.settings import SlackSettings
from bot.messengers.slack.wanted_part import WantedPart
from bot.messengers.slack.web_api import MAX_CLOSED, MAX_PAGES, Room, WebApi
from fakes.slack import SlackPlatform, slack_platform
from tests.support.raw_http import free_port, http, wire
from tests.support.stack import settings_for

TOKEN = "xoxb-1-2-aBc"
C1 = Room(team="", channel="C1")
TURN = UUID("01890000-0000-7000-8000-000000000001")
APP = "A0BLLOSSOM"
SENTENCE = {"event_type": "bllossom_sentence", "event_payload": {}}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_api, "PACE_S", 0.0)


@asynccontextmanager
async def api_at(url: str, token: str = TOKEN) -> AsyncIterator[WebApi]:
    async with OutboundClient((url,)) as session:
        settings = SlackSettings(bot_token=SecretStr(token), api_url=url)
        yield WebApi(settings, session)


async def posted(*answers: bytes) -> tuple[ApiResult, list[bytes], Any]:
    """What an answer to chat.postMessage means; the request's head and body."""
    async with wire(*answers) as server, api_at(f"{server.origin}/api/") as api:
        result = await api.post(C1, TURN, {"text": "네"})
        return result, server.heads, server.json()


def says(status: int = 200, **document: Any) -> bytes:
    return http(status, json.dumps(document))


async def test_a_message_names_its_turn_and_fetches_nothing() -> None:
    result, [head], body = await posted(says(ok=True, channel="C1", ts="17.000001"))
    assert result.delivery == DeliveryResult(
        outcome=Outcome.DELIVERED, detail="HTTP 200, C1 17.000001"
    )
    assert head.startswith(b"POST /api/chat.postMessage HTTP/1.1\r\n")
    assert f"\r\nAuthorization: Bearer {TOKEN}\r\n".encode() in head
    assert body == {
        "channel": "C1",
        "text": "네",
        "metadata": {"event_type": "bllossom_turn", "event_payload": {"turn_id": str(TURN)}},
        "unfurl_links": False,
        "unfurl_media": False,
    }


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (says(ok=False, error="ratelimited"), Outcome.RETRY),
        (says(429, ok=False, error="ratelimited"), Outcome.RETRY),
        (http(429), Outcome.RETRY),
        (says(ok=False, error="fatal_error"), Outcome.UNCONFIRMED),
        (says(ok=False, error="internal_error"), Outcome.UNCONFIRMED),
        (says(ok=False, error="service_unavailable"), Outcome.UNCONFIRMED),
        (says(ok=False, error="request_timeout"), Outcome.UNCONFIRMED),
        (says(ok=False), Outcome.UNCONFIRMED),
        (http(200, "<html>"), Outcome.UNCONFIRMED),
        (http(200, "[" * 60_000), Outcome.UNCONFIRMED),
        (http(200, "null"), Outcome.UNCONFIRMED),
        (http(503, "busy"), Outcome.UNCONFIRMED),
        (b"", Outcome.UNCONFIRMED),
        (says(ok=False, error="not_in_channel"), Outcome.REFUSED),
        (says(ok=False, error="msg_too_long"), Outcome.REFUSED),
        (http(302, Location="https://evil.example/"), Outcome.REFUSED),
        (http(404), Outcome.REFUSED),
    ],
)
async def test_outcome_follows_slacks_response(reply: bytes, outcome: Outcome) -> None:
    result, heads, _ = await posted(reply)
    assert result.outcome is outcome
    assert len(heads) == 1


async def test_refused_port_may_be_tried_again() -> None:
    async with api_at(f"http://127.0.0.1:{free_port()}/api/") as api:
        assert (await api.post(C1, TURN, {"text": "네"})).outcome is Outcome.RETRY


async def test_an_answer_as_long_as_the_longest_message_is_read_whole() -> None:
    echo = {"text": "가" * 4_000, "blocks": [{"type": "markdown", "text": "가" * 12_000}]}
    result, _, _ = await posted(says(ok=True, channel="C1", ts="1.2", message=echo))
    assert result.outcome is Outcome.DELIVERED


@pytest.mark.parametrize(
    "url", ["", "slack.com/api/", "ftp://slack.com/api/", "https://a@slack.com/", "https://[/"]
)
async def test_a_url_that_is_none_gets_no_token(url: str) -> None:
    async with OutboundClient() as session:
        api = WebApi(SlackSettings(bot_token=SecretStr(TOKEN), api_url=url), session)
        assert (await api.post(C1, TURN, {"text": "네"})).outcome is Outcome.REFUSED


def test_the_token_goes_to_one_origin() -> None:
    assert origin_of("https://slack.com/api/") == "https://slack.com"
    assert origin_of("http://127.0.0.1:9/x/y/") == "http://127.0.0.1:9"


@pytest.mark.parametrize(
    ("error", "closed"),
    [
        ("not_in_channel", True),
        ("channel_not_found", True),
        ("is_archived", True),
        ("missing_scope", True),
        ("not_authed", True),
        ("msg_too_long", False),
        ("invalid_blocks", False),
    ],
)
async def test_a_closed_channel_is_left_alone_for_a_while(
    error: str, closed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        wire(says(ok=False, error=error)) as server,
        api_at(f"{server.origin}/api/") as api,
    ):
        assert api.may_post("C1")
        await api.post(C1, TURN, {"text": "네"})
        assert api.may_post("C1") is not closed
        assert api.may_post("C2")
        monkeypatch.setattr("time.monotonic", lambda: 10.0**9)
        assert api.may_post("C1")


async def test_only_so_many_closed_channels_are_remembered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(web_api, "MAX_CLOSED", 3)
    assert MAX_CLOSED > 1000
    async with (
        wire(says(ok=False, error="not_in_channel")) as server,
        api_at(f"{server.origin}/api/") as api,
    ):
        for number in range(5):
            await api.post(Room(team="", channel=f"C{number}"), TURN, {"text": "네"})
        assert [api.may_post(f"C{number}") for number in range(5)] == [True] * 2 + [False] * 3


@pytest.mark.parametrize("channel", [None, 7])
async def test_without_a_channel_or_a_token_nothing_is_posted(channel: object) -> None:
    async with api_at("http://127.0.0.1:1/") as api:
        assert not api.may_post(channel)
    for token in ("", "xoxp-1", "xoxb-1\nX: y", "xoxb-"):
        async with api_at("http://127.0.0.1:1/", token) as api:
            assert not api.may_post("C1")


# --- the history ---


@asynccontextmanager
async def channel() -> AsyncIterator[tuple[SlackPlatform, WebApi]]:
    async with slack_platform() as slack, api_at(slack.api_url) as api:
        slack.channels.join("C1")
        yield slack, api


async def find(api: WebApi, since: float = 0.0, app: object = APP) -> LookupResult:
    return await api.find(C1, TURN, since, app)


async def test_a_message_is_found_by_its_turn_on_any_page() -> None:
    async with channel() as (slack, api):
        await api.post(C1, uuid4(), {"text": "다른 답"})
        await api.post(C1, TURN, {"text": "답"})
        slack.channels.page_size = 2
        for number in range(5):
            slack.channels.say("C1", f"남의 말 {number}", metadata={"event_type": "theirs"})
        trace = await find(api)
        assert trace.outcome is LookupOutcome.FOUND
        assert trace.detail.startswith("found at C1 1")
        assert len(slack.readings) == 3


async def test_a_nameless_message_is_the_answer_if_it_begins_alike_or_came_in_time() -> None:
    async with channel() as (slack, api):
        slack.channels.say("C1", "네, 또", bot_id="B1", app_id=APP)
        late = slack.channels.say("C1", "네, 그", bot_id="B1", app_id=APP)
        slack.channels.say("C1", "네, 그래요.", bot_id="B1", app_id=APP, metadata=SENTENCE)
        first = slack.workspace.directory.rooms["C1"].top_level()[0].ts

        async def found(beginning: str, begun_at: float, *passed: str) -> str:
            wanted = WantedPart(number=0, beginning=beginning, begun_at=begun_at, passed=passed)
            return (await api.find_part(C1, TURN, 0.0, APP, wanted)).message_id

        now = float(late)
        assert await found("네, 그래요.", now - 60) == late
        assert await found("네, 그래요.", now - 60, late) == ""
        assert await found("멈췄어요.", now, late) == first
        assert await found("멈췄어요.", now - 60) == ""
        assert await found("", now) == ""


async def test_absence_is_proven_only_by_the_whole_history() -> None:
    async with channel() as (slack, api):
        await api.post(C1, uuid4(), {"text": "다른 답"})
        slack.channels.page_size = 2
        for number in range(4):
            slack.channels.say("C1", f"남의 말 {number}", bot_id="B1", app_id="A1")
        trace = await find(api)
        assert trace == LookupResult(
            outcome=LookupOutcome.ABSENT, detail="not among 5 messages of C1"
        )
        assert len(slack.readings) == 3


async def test_older_messages_are_not_read() -> None:
    async with channel() as (_, api):
        await api.post(C1, TURN, {"text": "답"})
        assert (await find(api, since=4e9)).detail == "not among 0 messages of C1"


async def test_a_busy_channel_is_read_only_so_far() -> None:
    async with channel() as (slack, api):
        slack.channels.page_size = 1
        for number in range(MAX_PAGES + 1):
            slack.channels.say("C1", f"말 {number}")
        assert (await find(api)).outcome is LookupOutcome.UNKNOWN
        assert len(slack.readings) == MAX_PAGES


@pytest.mark.parametrize("app", [APP, None])
async def test_history_without_metadata_proves_no_absence(app: str | None) -> None:
    async with channel() as (slack, api):
        await api.post(C1, TURN, {"text": "답"})
        slack.channels.shows_metadata = False
        trace = await find(api, app=app)
        assert trace.outcome is LookupOutcome.UNKNOWN
        assert "names no turn" in trace.detail


@pytest.mark.parametrize(
    "metadata",
    [
        {"event_type": "bllossom_turn"},
        {"event_type": "bllossom_turn", "event_payload": {}},
        {"event_type": "bllossom_turn", "event_payload": []},
        {"event_type": "bllossom_turn", "event_payload": {"turn_id": 7}},
        "odd",
    ],
)
async def test_a_message_without_its_payload_is_no_absence(metadata: Any) -> None:
    async with channel() as (slack, api):
        slack.channels.say("C1", "답", metadata=metadata, bot_id="B1", app_id=APP)
        assert (await find(api)).outcome is LookupOutcome.UNKNOWN


@pytest.mark.parametrize(
    ("reply", "detail", "retry_after_s"),
    [
        (says(ok=False, error="missing_scope"), "HTTP 200 missing_scope", None),
        (says(ok=False, error="not_in_channel"), "HTTP 200 not_in_channel", None),
        (says(ok=True), "HTTP 200", None),
        (says(ok=True, messages={}), "HTTP 200", None),
        (says(ok=True, messages=[], has_more=True), "more messages and no cursor", None),
        (http(429, "{}", Retry_After="30"), "HTTP 429", 30.0),
        (http(500), "HTTP 500", None),
        (b"", "no answer: ServerDisconnectedError", None),
    ],
)
async def test_unexpected_lookup_response_is_no_absence(
    reply: bytes, detail: str, retry_after_s: float | None
) -> None:
    async with wire(reply) as server, api_at(f"{server.origin}/api/") as api:
        trace = await find(api)
    assert trace == LookupResult(
        outcome=LookupOutcome.UNKNOWN,
        detail=f"conversations.history: {detail}",
        retry_after_s=retry_after_s,
    )
    assert parse_qs(server.bodies[-1].decode()) == {
        "channel": ["C1"],
        "oldest": ["0.000000"],
        "inclusive": ["true"],
        "include_all_metadata": ["true"],
        "limit": ["100"],
    }


# --- the doctor ---


async def told(url: str, token: str = TOKEN) -> list[str]:
    lines: list[str] = []
    await examine(settings_for("", "", slack_bot_token=token, slack_api_url=url), lines.append)
    return [line.strip() for line in lines if "Slack" in line or "SLACK" in line]


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (says(ok=False, error="invalid_auth"), "Slack says HTTP 200 invalid_auth"),
        (http(500), "Slack says HTTP 500"),
        (b"", "Slack's Web API: no answer: ServerDisconnectedError"),
    ],
)
async def test_the_doctor_says_what_is_wrong_with_the_token(reply: bytes, words: str) -> None:
    async with wire(reply) as server:
        lines = await told(f"{server.origin}/api/")
    assert f"WRONG  BOT_SLACK_BOT_TOKEN: {words}." in lines
    assert TOKEN not in "".join(lines)
