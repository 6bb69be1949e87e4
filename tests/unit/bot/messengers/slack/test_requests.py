"""What Slack sends to our three routes, and everything else that may arrive there."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict
from pydantic import SecretStr

from bot.domain.deliveries import DeliveryVia
from bot.domain.messenger import Command, Incoming, Problem, Refusal
from bot.domain.turns import Utterance
from bot.messengers.slack.commands import Acknowledgement
from bot.messengers.slack.endpoint import SlackEndpoint
from bot.messengers.slack.settings import SlackSettings
from bot.messengers.slack.slash_command import earliest_command_time, read_command

SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
MAX_CHARS = 4000
SETTINGS = SlackSettings(signing_secret=SecretStr(SECRET))
NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
FORM = {
    "token": "legacy",
    "team_id": "T1",
    "team_domain": "회사",
    "channel_id": "C1",
    "channel_name": "일반",
    "user_id": "U1",
    "user_name": "kim",
    "command": "/bllossom",
    "text": "안녕",
    "api_app_id": "A1",
    "response_url": "https://hooks.slack.com/commands/T1/1/abc%3D",
    "trigger_id": "1.2.3",
}


class Bot:
    """A Slack endpoint and what it handed on."""

    def __init__(self, slack: SlackEndpoint, received: list[Incoming]) -> None:
        self.slack = slack
        self.received = received

    async def post(self, body: bytes, kind: str = "application/x-www-form-urlencoded") -> Any:
        return await self.slack.dispatch(signed(body, kind), body)

    async def command(self, **fields: str) -> tuple[int, dict[str, Any]]:
        status, headers, body = await self.post(urlencode({**FORM, **fields}).encode())
        assert headers["content-type"].startswith("application/json")
        return status, json.loads(body)


@pytest.fixture
async def bot() -> Bot:
    received: list[Incoming] = []

    async def receive(incoming: Incoming) -> Acknowledgement:
        received.append(incoming)
        return Acknowledgement(f"답변 중 {incoming.problem or incoming.command or ''}".strip())

    return Bot(SlackEndpoint(SETTINGS, receive, max_chars=MAX_CHARS), received)


def signed(
    body: bytes, kind: str = "", *, secret: str = SECRET, at: float | str | None = None
) -> CIMultiDict[str]:
    timestamp = at if isinstance(at, str) else str(int(time.time() if at is None else at))
    base = b"v0:" + timestamp.encode() + b":" + body
    digest = hmac.new(secret.encode(), base, hashlib.sha256).hexdigest()
    return CIMultiDict(
        {
            "content-type": kind,
            "x-slack-request-timestamp": timestamp,
            "x-slack-signature": f"v0={digest}",
        }
    )


BODY = urlencode(FORM).encode()


# --- the signature ---


@pytest.mark.parametrize(
    "headers",
    [
        CIMultiDict[str](),
        signed(BODY, secret="wrong"),
        signed(BODY + b"x"),
        # Far off: they are signed when the run begins, and sent whenever their turn comes.
        signed(BODY, at=time.time() - 1e6),
        signed(BODY, at=time.time() + 1e6),
        signed(BODY, at=0),
        signed(BODY, at="yesterday"),
        signed(BODY, at=""),
        signed(BODY, at="-1"),
        signed(BODY, at="1e9"),
        signed(BODY, at="inf"),
        signed(BODY, at="１７００００００００"),
        signed(BODY, at="9" * 5000),
        CIMultiDict({**signed(BODY), "x-slack-signature": "v0=가나다"}),
        CIMultiDict({**signed(BODY), "x-slack-signature": "v0=\udcff\ud800"}),
        CIMultiDict({**signed(BODY), "x-slack-signature": ""}),
        CIMultiDict({**signed(BODY), "x-slack-signature": "v0="}),
        CIMultiDict({**signed(BODY), "x-slack-signature": signed(BODY)["x-slack-signature"][3:]}),
    ],
)
async def test_unsigned_slack_request_is_a_401(bot: Bot, headers: CIMultiDict[str]) -> None:
    with pytest.raises(Refusal) as refused:
        await bot.slack.dispatch(headers, BODY)
    assert refused.value.status == 401
    assert not bot.received


@pytest.mark.parametrize("skew", [-240, 290])
async def test_clocks_may_differ_by_five_minutes(bot: Bot, skew: int) -> None:
    status, _, _ = await bot.slack.dispatch(signed(BODY, at=time.time() + skew), BODY)
    assert status == 200


async def test_without_a_secret_nothing_is_accepted() -> None:
    async def receive(incoming: Incoming) -> Acknowledgement:
        raise AssertionError(incoming)

    settings = SlackSettings(signing_secret=SecretStr(""))
    slack = SlackEndpoint(settings, receive, max_chars=MAX_CHARS)
    with pytest.raises(Refusal) as refused:
        await slack.dispatch(signed(BODY, secret=""), BODY)
    assert refused.value.status == 401


async def test_bytes_that_are_no_text_are_verified_first(bot: Bot) -> None:
    body = b"text=\xff\xfe"
    with pytest.raises(Refusal) as unsigned:
        await bot.slack.dispatch(signed(b"other"), body)
    assert unsigned.value.status == 401
    with pytest.raises(Refusal) as refused:
        await bot.post(body)
    assert refused.value.status == 400


# --- commands ---


async def test_a_command_is_received_and_acknowledged(bot: Bot) -> None:
    status, ack = await bot.command()
    assert (status, ack) == (200, {"text": "답변 중", "response_type": "ephemeral"})
    (incoming,) = bot.received
    said = incoming.utterance
    assert said is not None
    assert (said.messenger, said.tenant, said.sender) == ("slack", "T1", "U1")
    assert said.conversation_key == "command:C1:U1"
    assert said.event_key == "command:1.2.3"
    assert said.text == "안녕"
    assert said.reply.via is DeliveryVia.POST
    assert said.reply.address == {
        "response_url": FORM["response_url"],
        "channel": "C1",
        "team": "T1",
        "app": "A1",
        "user_id": "U1",
        "question": "안녕",
    }
    assert earliest_command_time(said.reply) == pytest.approx(said.received_at.timestamp() - 300)
    assert said.reply.expires_at == said.received_at + timedelta(minutes=28)
    assert abs((datetime.now(UTC) - said.received_at).total_seconds()) < 10


@pytest.mark.parametrize("channel", ["", "c1", "C1&x", "../C1", "C" * 41, "C1\n"])
def test_invalid_channel_id_is_never_called(channel: str) -> None:
    said = read_command(
        {**FORM, "channel_id": channel}, NOW, SETTINGS, max_chars=MAX_CHARS
    ).utterance
    assert said is None or said.reply.address["channel"] is None


@pytest.mark.parametrize("text", ["payload가 뭐예요?", "payload=1", "{", '{"a": 1}', "a&payload=x"])
async def test_words_that_confuse_a_parser_arrive_as_they_were_typed(bot: Bot, text: str) -> None:
    await bot.command(text=text)
    said = bot.received[0].utterance
    assert said is not None
    assert said.text == text


async def test_the_acknowledgement_waits_for_the_accept(bot: Bot) -> None:
    """Whatever receive raises comes out of dispatch: nothing is acknowledged unsaved."""

    async def receive(incoming: Incoming) -> Acknowledgement:
        raise ConnectionError("the store is gone")

    slack = SlackEndpoint(SETTINGS, receive, max_chars=MAX_CHARS)
    with pytest.raises(ConnectionError):
        await slack.dispatch(signed(BODY), BODY)


@pytest.mark.parametrize(
    ("fields", "meaning"),
    [
        ({"text": ""}, Command.HELP),
        ({"text": " \n"}, Command.HELP),
        ({"text": "help"}, Command.HELP),
        ({"text": "도움말"}, Command.HELP),
        ({"text": "reset"}, Command.RESET),
        ({"text": " 초기화 "}, Command.RESET),
        ({"text": "／새대화\u200b"}, Command.RESET),
        ({"text": "\u3164"}, Problem.EMPTY),
        ({"text": "가" * 4001}, Problem.TOO_LONG),
        ({"text": "a" * 100_000}, Problem.TOO_LONG),
        ({"user_id": ""}, Problem.UNREADABLE),
        ({"team_id": ""}, Problem.UNREADABLE),
        ({"channel_id": ""}, Problem.UNREADABLE),
        ({"response_url": ""}, Problem.UNREADABLE),
        ({"response_url": "https://evil.com/commands/x"}, Problem.UNREADABLE),
        ({"response_url": "https://hooks.slack.com.evil.com/"}, Problem.UNREADABLE),
        ({"response_url": "http://hooks.slack.com/commands/x"}, Problem.UNREADABLE),
    ],
)
async def test_message_without_a_question_gets_a_polite_sentence(
    bot: Bot, fields: dict[str, str], meaning: Command | Problem
) -> None:
    status, ack = await bot.command(**fields)
    assert (status, ack["response_type"]) == (200, "ephemeral")
    assert ack["text"].endswith(meaning.value)
    (incoming,) = bot.received
    assert incoming.utterance is None
    assert meaning in (incoming.command, incoming.problem)


@pytest.mark.parametrize("body", [b"command=%2Fbllossom", b"command=", b"command=x&text=%00%ff"])
async def test_incomplete_form_gets_a_polite_sentence(bot: Bot, body: bytes) -> None:
    status, _, raw = await bot.post(body)
    assert status == 200
    assert json.loads(raw)["response_type"] == "ephemeral"
    assert bot.received[0].problem is Problem.UNREADABLE


@pytest.mark.parametrize("body", [b"", b"=", b"hello", b"text=hi", b"a&" * 200, b"[]"])
async def test_a_form_slack_would_never_send_is_a_400(bot: Bot, body: bytes) -> None:
    with pytest.raises(Refusal) as refused:
        await bot.post(body)
    assert refused.value.status == 400


def read(**fields: str) -> Utterance:
    incoming = read_command({**FORM, **fields}, NOW, SETTINGS, max_chars=MAX_CHARS)
    assert incoming.utterance is not None
    return incoming.utterance


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("1 &lt; 2 &amp;&amp; 3 &gt; 2", "1 < 2 && 3 > 2"),
        ("&amp;lt;", "&lt;"),
        ("a\x00b\ud800", "ab\ufffd"),
        ("<|eot_id|>", "<|eot_id|>"),
        ("😀", "😀"),
        ("초기화 해 줘", "초기화 해 줘"),
    ],
)
def test_the_text_is_unescaped_and_cleaned(raw: str, text: str) -> None:
    assert read(text=raw).text == text


def test_an_enterprise_is_part_of_the_tenant() -> None:
    assert read(enterprise_id="E1").tenant == "E1/T1"


def test_without_a_trigger_the_response_url_names_the_event() -> None:
    first = read(trigger_id="").event_key
    assert first == read(trigger_id="").event_key
    assert first != read(trigger_id="", response_url=FORM["response_url"] + "2").event_key
    assert read(trigger_id="x" * 500).event_key != read(trigger_id="x" * 501).event_key


def test_a_long_question_is_quoted_short() -> None:
    question = read(text="가나다 라마바\n" * 100).reply.address["question"]
    assert len(question) <= 200
    assert "\n" not in question
    assert question.endswith("…")


@given(st.dictionaries(st.sampled_from([*FORM, "enterprise_id", "x"]), st.text(max_size=100)))
def test_any_form_is_read(fields: dict[str, str]) -> None:
    for form in (fields, {**FORM, **fields}):
        incoming = read_command(form, NOW, SETTINGS, max_chars=MAX_CHARS)
        meanings = (incoming.utterance, incoming.problem, incoming.command)
        assert sum(meaning is not None for meaning in meanings) == 1


# --- events and interactivity ---


async def test_the_challenge_is_answered(bot: Bot) -> None:
    body = b'{"type": "url_verification", "token": "t", "challenge": "3eZbrw"}'
    status, _, answer = await bot.post(body, "application/json")
    assert (status, json.loads(answer)) == (200, {"challenge": "3eZbrw"})


async def test_the_ssl_check_is_answered(bot: Bot) -> None:
    assert (await bot.post(b"ssl_check=1&token=x"))[0] == 200


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"{}",
        b'{"type": null}',
        b'{"type": {}}',
        b"[" * 100_000,
        b'{"type": "url_verification"}',
        b'{"type": "url_verification", "challenge": {"a": 1}}',
    ],
)
async def test_an_event_of_another_shape_is_a_400(bot: Bot, body: bytes) -> None:
    with pytest.raises(Refusal) as refused:
        await bot.post(body, "application/json; charset=utf-8")
    assert refused.value.status == 400


@pytest.mark.parametrize(
    "event",
    [
        {"type": "event_callback", "team_id": "T1", "event": {"type": "app_mention", "text": "hi"}},
        {"type": "event_callback", "event": None},
        {"type": "event_callback", "authorizations": {}, "enterprise": "x", "event": []},
        {"type": "app_rate_limited"},
    ],
)
async def test_events_are_acknowledged(bot: Bot, event: dict[str, Any]) -> None:
    assert (await bot.post(json.dumps(event).encode(), "application/json"))[0] == 200
    assert not bot.received


async def test_button_presses_are_acknowledged(bot: Bot) -> None:
    payload = json.dumps({"type": "block_actions", "user": None, "actions": []})
    assert (await bot.post(urlencode({"payload": payload}).encode()))[0] == 200
    for broken in ("", "{", "[]", "null"):
        with pytest.raises(Refusal):
            await bot.post(urlencode({"payload": broken}).encode())
    assert not bot.received


# --- discretion ---


async def test_no_log_holds_what_people_wrote(bot: Bot, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        await bot.command(text="비밀 이야기")
        with pytest.raises(Refusal):
            await bot.slack.dispatch(signed(b"other"), "text=비밀 이야기".encode())
    assert "비밀" not in caplog.text
    assert "abc%3D" not in caplog.text
