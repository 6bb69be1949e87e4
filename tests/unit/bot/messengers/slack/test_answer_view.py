"""What people see of an answer in Slack, as operators are told."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from bot.domain.answer_views import AnswerView, Place
from bot.domain.deliveries import Answer, DeliveryVia, ReplyHandle
from bot.messengers.slack.answer_view import SlackViewer
from bot.messengers.slack.blocks import MAX_MARKDOWN_CHARS, answer_message
from bot.messengers.slack.settings import SlackSettings
from bot.text.catalog import TEXTS

TEXT = TEXTS["ko"]
THREAD = {"kind": "room", "channel": "C1", "thread_ts": "1.2"}
COMMAND = {"response_url": "https://hooks.slack.com/x", "channel": "C1"}


def view(
    address: dict[str, Any], text: str = "답", *, feedback: str = "native", **changes: Any
) -> AnswerView:
    settings = SlackSettings.model_validate({"feedback": feedback})
    handle = ReplyHandle(via=DeliveryVia.POST, address=address, expires_at=datetime.now(UTC))
    answer = Answer(turn_id=uuid4(), text=text, **changes)
    return SlackViewer(settings, TEXT).view(answer, handle, DeliveryVia.POST)


@pytest.mark.parametrize(
    ("address", "place"),
    [
        (THREAD, Place.THREAD),
        ({"kind": "direct", "channel": "D1"}, Place.CHAT),
        ({**COMMAND, "visibility": "ephemeral"}, Place.ONLY_ASKER),
        ({**COMMAND, "visibility": "in_channel"}, Place.CHANNEL),
        ({"kind": "<odd>", "visibility": "ephemeral"}, Place.ONLY_ASKER),
    ],
)
def test_the_place_is_where_the_answer_goes(address: dict[str, Any], place: Place) -> None:
    assert view(address).place is place


def test_a_long_answer_in_a_thread_is_several_messages() -> None:
    found = view(THREAD, "가나다라마 " * 5_000, ai_notice=True)
    first, *_, last = found.messages
    assert len(found.messages) > 2
    assert all(len(message.bubbles[0]) <= MAX_MARKDOWN_CHARS for message in found.messages)
    assert first.bubbles[1:] == (TEXT.ai_notice,)
    assert (first.buttons, last.buttons) == ((), (TEXT.good_label, TEXT.bad_label))


def test_the_answer_to_a_command_is_one_message_cut_where_slack_ends() -> None:
    [message] = view(COMMAND, "가나다라마 " * 5_000).messages
    answer = Answer(turn_id=uuid4(), text="가나다라마 " * 5_000)
    [block] = answer_message(answer, {}, TEXT, "ephemeral")["blocks"]
    assert message.bubbles == (block["text"],)
    assert message.bubbles[0].endswith(TEXT.cut_note)


def test_sentences_of_the_bot_have_no_votes_nor_have_bots_without() -> None:
    assert view(THREAD, answered=False).messages[0].buttons == ()
    assert view(THREAD, feedback="off").messages[0].buttons == ()
