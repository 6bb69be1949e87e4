"""Slack refuses a message: plain text reaches the person, wherever the address is good."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import uuid4

import pytest
from pydantic import SecretStr

from bot.domain.deliveries import Answer, DeliveryResult, DeliveryVia, Outcome, ReplyHandle
from bot.http.outbound import OutboundClient
from bot.messengers.slack.adapter import SlackAdapter
from bot.messengers.slack.blocks import MAX_FALLBACK_CHARS
from bot.messengers.slack.refusals import may_take_plain_text
from bot.messengers.slack.settings import SlackSettings
from bot.text.catalog import TEXTS
from fakes.slack import SlackPlatform, slack_platform

KO = TEXTS["ko"]
CHANNEL = "C1"
#: Slack's documented words for messages that it does not take, and one that it may add.
OF_THE_MESSAGE = [
    "invalid_blocks",
    "invalid_blocks_format",
    "invalid_attachments",
    "invalid_arguments",
    "invalid_array_arg",
    "invalid_arg_name",
    "invalid_form_data",
    "invalid_json",
    "invalid_payload",
    "invalid_post_type",
    "markdown_text_conflict",
    "metadata_too_large",
    "missing_post_type",
    "msg_blocks_too_long",
    "msg_too_long",
    "no_text",
    "too_many_attachments",
    "too_many_contact_cards",
    "block_mismatch",
    "a_word_of_tomorrow",
]
OF_THE_ADDRESS = [
    "used_url",
    "expired_url",
    "invalid_url",
    "no_service",
    "no_active_hooks",
    "channel_not_found",
    "channel_is_archived",
    "is_archived",
    "not_in_channel",
    "restricted_action",
    "invalid_auth",
    "not_authed",
    "token_revoked",
    "token_expired",
    "account_inactive",
    "missing_scope",
    "team_disabled",
    "user_not_found",
    "action_prohibited",
    "messages_tab_disabled",
]


@asynccontextmanager
async def adapter_at(
    platform: SlackPlatform, feedback: Literal["native", "off"] = "off"
) -> AsyncIterator[SlackAdapter]:
    settings = SlackSettings(
        _env_file=None,
        feedback=feedback,
        bot_token=SecretStr("xoxb-1"),
        api_url=platform.api_url,
        response_hosts=(platform.origin,),
    )
    async with OutboundClient((platform.origin,)) as outbound:
        yield SlackAdapter(settings, KO, outbound)


def handle(platform: SlackPlatform) -> ReplyHandle:
    return ReplyHandle(
        via=DeliveryVia.POST,
        address={
            "response_url": platform.new_response_url(),
            "channel": CHANNEL,
            "user_id": "U1",
            "question": "1 < 2?",
        },
        expires_at=datetime.now(UTC) + timedelta(minutes=28),
    )


@pytest.mark.parametrize("code", OF_THE_MESSAGE)
async def test_a_refused_message_goes_out_once_more_as_plain_text(code: str) -> None:
    answer = Answer(turn_id=uuid4(), text="**서울**이에요 <3", ai_notice=True)
    async with slack_platform() as platform, adapter_at(platform) as adapter:
        platform.channels.join(CHANNEL)
        platform.refusal_of_blocks = code
        address = handle(platform)
        posted = await adapter.deliver(address, DeliveryVia.POST, answer)
        said = await adapter.deliver_reconcilably(address, answer)
        for posts in (platform.posts, platform.messages):
            assert [post.error for post in posts] == [code, ""]
            assert posts[-1].text == (f"> <@U1> 1 &lt; 2?\n\n서울이에요 &lt;3\n\n{KO.ai_notice}")
        assert "response_type" not in platform.messages[-1].message
    assert [posted.outcome, said.outcome] == [Outcome.DELIVERED] * 2


@pytest.mark.parametrize("code", OF_THE_ADDRESS)
async def test_a_refused_address_is_not_tried_again(code: str) -> None:
    answer = Answer(turn_id=uuid4(), text="네")
    async with slack_platform() as platform, adapter_at(platform) as adapter:
        platform.channels.join(CHANNEL)
        platform.refusal_of_blocks = code
        address = handle(platform)
        posted = await adapter.deliver(address, DeliveryVia.POST, answer)
        said = await adapter.deliver_reconcilably(address, answer)
        assert [len(platform.posts), len(platform.messages)] == [1, 1]
    assert [posted.outcome, said.outcome] == [Outcome.REFUSED] * 2


async def test_buttons_are_given_up_before_the_layout() -> None:
    """Slack's own buttons, plain ones, none, and plain text: a response_url takes five posts."""
    answer = Answer(turn_id=uuid4(), text="**네**")
    async with slack_platform() as platform, adapter_at(platform, "native") as adapter:
        platform.refusal_of_blocks = "invalid_blocks"
        await adapter.deliver(handle(platform), DeliveryVia.POST, answer)
        kinds = [[block["type"] for block in post.blocks] for post in platform.posts]
    assert [kind[-1:] for kind in kinds] == [["context_actions"], ["actions"], ["markdown"], []]
    assert platform.posts[-1].shown


async def test_a_long_answer_that_is_refused_stays_whole_in_plain_text() -> None:
    answer = Answer(turn_id=uuid4(), text="가나다라 " * 2000)
    async with slack_platform() as platform, adapter_at(platform) as adapter:
        platform.refusal_of_blocks = "invalid_attachments"
        await adapter.deliver(handle(platform), DeliveryVia.POST, answer)
        shown = platform.posts[-1].text
    assert shown.count("가나다라") == 2000
    assert KO.cut_note not in shown


async def test_an_answer_that_is_too_long_is_shortened_and_says_so() -> None:
    answer = Answer(turn_id=uuid4(), text="가나 & 다라 " * 1000)
    async with slack_platform() as platform, adapter_at(platform) as adapter:
        platform.refusal_of_blocks = "msg_too_long"
        platform.max_text_chars = 4000
        result = await adapter.deliver(handle(platform), DeliveryVia.POST, answer)
        shown = platform.posts[-1].text
    assert result.outcome is Outcome.DELIVERED
    assert shown.endswith(KO.cut_note)
    assert MAX_FALLBACK_CHARS - 100 < len(shown) < 4000
    assert shown.count("&") == shown.count("&amp;") + shown.count("&lt;")


@pytest.mark.parametrize(
    ("detail", "outcome", "again"),
    [
        ("HTTP 400", Outcome.REFUSED, True),
        ("HTTP 413", Outcome.REFUSED, True),
        ("HTTP 404", Outcome.REFUSED, False),
        ("HTTP 302", Outcome.REFUSED, False),
        ("HTTP 500 invalid_blocks", Outcome.UNCONFIRMED, False),
        ("HTTP 429 ratelimited", Outcome.RETRY, False),
        ("no answer: ServerDisconnectedError", Outcome.UNCONFIRMED, False),
        ("the address is not allowed", Outcome.REFUSED, False),
    ],
)
def test_only_a_clear_refusal_is_followed_by_plain_text(
    detail: str, outcome: Outcome, again: bool
) -> None:
    assert may_take_plain_text(DeliveryResult(outcome=outcome, detail=detail)) is again
