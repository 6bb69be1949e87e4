"""Answers as Slack shows them, and the POST to a command's response_url."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.deliveries import Answer, DeliveryResult, DeliveryVia, Outcome, ReplyHandle
from bot.domain.messenger import Incoming
from bot.http.outbound import OutboundClient
from bot.messengers.slack.adapter import SlackAdapter
from bot.messengers.slack.blocks import answer_message
from bot.messengers.slack.settings import SlackSettings, Visibility
from bot.text.catalog import TEXTS, Texts
from bot.text.splitting import utf16_units
from tests.support.raw_http import free_port, http, wire

KO = TEXTS["ko"]
TURN = UUID("01890000-0000-7000-8000-000000000001")
ADDRESS = {"user_id": "U123", "question": "1 < 2 & <!channel> 맞아?"}


def message(
    text: str,
    *,
    ai_notice: bool = False,
    address: dict[str, Any] | None = None,
    texts: Texts = KO,
    visibility: Visibility = "in_channel",
) -> dict[str, Any]:
    answer = Answer(turn_id=TURN, text=text, ai_notice=ai_notice)
    return answer_message(answer, ADDRESS if address is None else address, texts, visibility)


def markdown(document: dict[str, Any]) -> str:
    (block,) = [block for block in document["blocks"] if block["type"] == "markdown"]
    assert list(block) == ["type", "text"]
    return str(block["text"])


def test_the_channel_sees_question_answer_and_notice() -> None:
    assert message("**서울**이에요", ai_notice=True) == {
        "response_type": "in_channel",
        "text": f"서울이에요\n\n{KO.ai_notice}",
        "blocks": [
            {
                "type": "section",
                "text": {
                    "type": "mrkdwn",
                    "text": "> <@U123> 1 &lt; 2 &amp; &lt;!channel&gt; 맞아?",
                },
            },
            {"type": "markdown", "text": "**서울**이에요"},
            {"type": "context", "elements": [{"type": "plain_text", "text": KO.ai_notice}]},
        ],
    }


def test_only_the_asker_sees_an_ephemeral_answer() -> None:
    document = message("네", visibility="ephemeral")
    assert document["response_type"] == "ephemeral"
    assert [block["type"] for block in document["blocks"]] == ["markdown"]


@pytest.mark.parametrize(
    "address",
    [
        {},
        {"user_id": None, "question": None},
        {"user_id": "U1> <!here", "question": "x"},
        {"user_id": "U1", "question": ""},
    ],
)
def test_a_strange_address_is_not_quoted(address: dict[str, Any]) -> None:
    assert [block["type"] for block in message("네", address=address)["blocks"]] == ["markdown"]


@pytest.mark.parametrize(
    "call",
    [
        "<!channel>",
        "<!here|여기>",
        "<!everyone>",
        "<!subteam^S1>",
        "<!date^1^x|y>",
        "<@U123ABC>",
        "<#C1|일반>",
        "&lt;!channel&gt;",
        "&#60;@U1&#62;",
        "&#x3C;!here>",
        "<!CHANNEL>",
    ],
)
def test_the_model_calls_nobody(call: str) -> None:
    document = message(f"{call} `{call}`\n```\n{call}\n```\n모두")
    shown = markdown(document)
    assert call not in shown
    assert shown.replace("\u200b", "").count(call) == 3
    assert "<" not in document["text"]


@pytest.mark.parametrize(
    "text", ["a < b", "<!-- 주석 -->", "<!DOCTYPE html>", "x<y>z", "<b>", "a @ b"]
)
def test_other_angles_stay_as_they_are(text: str) -> None:
    assert markdown(message(text)) == text


def test_control_codes_are_removed() -> None:
    assert markdown(message("a\x00b\x1b[31mc\ud800\n")) == "ab[31mc\ufffd"


@pytest.mark.parametrize("text", ["", " \n", "\x00"])
def test_an_empty_answer_is_an_honest_sentence(text: str) -> None:
    assert markdown(message(text)) == KO.failed


def test_a_long_answer_is_cut_and_said() -> None:
    shown = markdown(message("가나다라 마바사. " * 3000))
    assert shown.endswith(f"마바사.…\n\n{KO.cut_note}")
    assert 11_000 < len(shown) <= 12_000


def test_a_cut_code_block_is_closed() -> None:
    shown = markdown(message("보세요\n```py\n" + "print(1)\n" * 3000 + "```\n끝"))
    assert shown.endswith(f"…\n```\n\n{KO.cut_note}")
    assert len(shown) <= 12_000


@pytest.mark.parametrize(
    ("opening", "closing"),
    [("~~~py", "~~~"), ("````", "````"), ("- 보기\n  ```py", "  ```"), ("> ~~~~", "> ~~~~")],
)
def test_every_kind_of_fence_is_closed_where_it_is_cut(opening: str, closing: str) -> None:
    prefix = closing.rstrip("`~")
    shown = markdown(message(f"보세요\n\n{opening}\n" + f"{prefix}print(1)\n" * 3000))
    assert shown.endswith(f"…\n{closing}\n\n{KO.cut_note}")
    assert len(shown) <= 12_000


def test_an_unfinished_answer_says_so_below_its_code() -> None:
    answer = Answer(turn_id=TURN, text="보세요\n~~~py\nx = 1", truncated=True)
    document = answer_message(answer, {}, KO, "ephemeral")
    assert markdown(document) == f"보세요\n~~~py\nx = 1\n~~~\n\n{KO.cut_note}"
    assert document["text"] == f"보세요\n\nx = 1\n\n{KO.cut_note}"


@given(
    text=st.text(max_size=200).map(lambda part: part * 80)
    | st.text(alphabet="&<>@!#`*가 😀\n", max_size=200).map(lambda part: part * 80),
    ai_notice=st.booleans(),
)
def test_any_answer_stays_within_the_limits(text: str, ai_notice: bool) -> None:
    document = message(text, ai_notice=ai_notice)
    assert 0 < utf16_units(markdown(document)) <= 12_000
    assert 0 < utf16_units(document["text"]) <= 4_000
    assert "<" not in document["text"]
    json.dumps(document, ensure_ascii=False).encode()


# --- the response_url ---


async def unused(incoming: Incoming) -> str:
    raise AssertionError(incoming)


async def deliver(
    url: str | None, *origins: str, via: DeliveryVia = DeliveryVia.POST
) -> DeliveryResult:
    handle = ReplyHandle(
        via=DeliveryVia.POST,
        address={**ADDRESS} if url is None else {**ADDRESS, "response_url": url},
        expires_at=datetime.now(UTC) + timedelta(minutes=1),
    )
    settings = SlackSettings(response_hosts=("hooks.slack.com", *origins), feedback="off")
    async with OutboundClient() as session:
        slack = SlackAdapter(settings, KO, session)
        return await slack.deliver(handle, via, Answer(turn_id=TURN, text="**네**"))


async def test_the_answer_goes_to_the_url_as_it_is_spelled() -> None:
    target = "/commands/T1/1/a%3D%7E%2Fb"
    async with wire() as server:
        result = await deliver(server.origin + target, server.origin)
    assert result == DeliveryResult(outcome=Outcome.DELIVERED, detail="HTTP 200")
    assert server.targets == [target]
    assert server.json() == message("**네**")


@pytest.mark.parametrize(
    ("reply", "outcome", "detail"),
    [
        (http(200, '{"ok":true}'), Outcome.DELIVERED, "HTTP 200"),
        (http(200, ""), Outcome.DELIVERED, "HTTP 200"),
        (http(200, '{"ok":false,"error":"used_url"}'), Outcome.REFUSED, "HTTP 200 used_url"),
        (http(404, "used_url"), Outcome.REFUSED, "HTTP 404 used_url"),
        (http(404, '{"ok":false,"error":"expired_url"}'), Outcome.REFUSED, "HTTP 404 expired_url"),
        (http(410, "<html>secret</html>"), Outcome.REFUSED, "HTTP 410"),
        (http(302, Location="https://evil.com/"), Outcome.REFUSED, "HTTP 302"),
        (http(500, "server_error"), Outcome.UNCONFIRMED, "HTTP 500 server_error"),
        (http(503), Outcome.UNCONFIRMED, "HTTP 503"),
        (b"", Outcome.UNCONFIRMED, "no answer: ServerDisconnectedError"),
    ],
)
async def test_outcome_follows_slacks_response(reply: bytes, outcome: Outcome, detail: str) -> None:
    async with wire(reply) as server:
        result = await deliver(f"{server.origin}/x", server.origin)
    assert result == DeliveryResult(outcome=outcome, detail=detail)
    assert len(server.heads) == 1


async def test_a_rate_limit_says_when_to_come_back() -> None:
    async with wire(http(429, "ratelimited", Retry_After="30")) as server:
        result = await deliver(f"{server.origin}/x", server.origin)
    assert (result.outcome, result.retry_after_s) == (Outcome.RETRY, 30.0)


async def test_refused_blocks_are_sent_again_as_plain_text() -> None:
    async with wire(http(400, "invalid_blocks"), http(200, "ok")) as server:
        result = await deliver(f"{server.origin}/x", server.origin)
    assert result.outcome is Outcome.DELIVERED
    quote = message("**네**")["blocks"][0]["text"]["text"]
    assert server.json() == {"response_type": "in_channel", "text": f"{quote}\n\n네"}


async def test_refused_port_may_be_tried_again() -> None:
    origin = f"http://127.0.0.1:{free_port()}"
    assert (await deliver(f"{origin}/x", origin)).outcome is Outcome.RETRY


@pytest.mark.parametrize("url", [None, "https://hooks.slack.com.evil.com/x", "http://127.0.0.1:1/"])
async def test_another_host_is_never_called(url: str | None) -> None:
    assert (await deliver(url)).outcome is Outcome.REFUSED


@pytest.mark.parametrize("via", [DeliveryVia.SYNC, DeliveryVia.CALLBACK, DeliveryVia.HELD])
async def test_the_response_url_is_the_only_way_out(via: DeliveryVia) -> None:
    async with wire() as server:
        result = await deliver(f"{server.origin}/x", server.origin, via=via)
    assert result.outcome is Outcome.REFUSED
    assert not server.heads
