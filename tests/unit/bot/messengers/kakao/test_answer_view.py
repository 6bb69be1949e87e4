"""What people see of an answer in KakaoTalk, as operators are told."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from bot.domain.answer_views import AnswerView, Place
from bot.domain.deliveries import Answer, DeliveryVia, ReplyHandle
from bot.messengers.kakao.answer_view import KakaoViewer
from bot.messengers.kakao.bubbles import Style
from bot.messengers.kakao.skill_response import answer_response
from bot.text.catalog import TEXTS

TEXT = TEXTS["ko"]
LONG = "\n\n".join("가나다라 " * 150 for _ in range(8))


def view(
    text: str, via: DeliveryVia, *, operator: bool = False, bot_id: str = "", **changes: Any
) -> AnswerView:
    asked: list[tuple[str, str, str]] = []

    def texts_for(*scope: str) -> Any:
        asked.append(scope)  # type: ignore[arg-type]  # three of them
        return TEXT

    viewer = KakaoViewer(texts_for, Style(operator=operator))
    handle = ReplyHandle(via=via, address={"bot_id": bot_id}, expires_at=datetime.now(UTC))
    answer = Answer(turn_id=uuid4(), text=text, **changes)
    found = viewer.view(answer, handle, via)
    assert asked == [("kakao", bot_id, "")]
    return found


def test_a_response_is_what_kakao_gets() -> None:
    answer = Answer(turn_id=uuid4(), text="안녕하세요!", ai_notice=True, truncated=True)
    [message] = view("안녕하세요!", DeliveryVia.SYNC, ai_notice=True, truncated=True).messages
    document = answer_response(answer, TEXT)["template"]
    bubbles = [output["simpleText"]["text"] for output in document["outputs"]]
    assert list(message.bubbles) == bubbles
    assert list(message.buttons) == [reply["label"] for reply in document["quickReplies"]]
    assert message.behind == ""


def test_a_callback_comes_after_a_promise() -> None:
    promise, answer = view("답", DeliveryVia.CALLBACK, bot_id="B1").messages
    assert promise.bubbles == (TEXT.callback_waiting,)
    assert (answer.bubbles, answer.behind) == (("답",), "")
    assert (promise.is_prelude, answer.is_prelude) == (True, False)


def test_a_held_answer_comes_behind_its_button() -> None:
    button, answer = view("답", DeliveryVia.HELD).messages
    assert (button.bubbles, button.buttons[0]) == ((), TEXT.fetch_label)
    assert answer.behind == TEXT.fetch_label


def test_the_pages_of_a_long_answer_come_behind_a_button_each() -> None:
    first, *others = view(LONG, DeliveryVia.SYNC, operator=True).messages
    assert len(first.bubbles) == 3
    assert first.behind == ""
    assert [other.behind for other in others] == ["더 보기"] * len(others)
    assert TEXT.human_label in first.buttons
    shown = "".join(bubble for message in (first, *others) for bubble in message.bubbles)
    assert shown.count("가나다라") == 8 * 150


def test_an_answer_without_an_end_has_an_end() -> None:
    found = view("가 " * 200_000, DeliveryVia.SYNC)
    assert len(found.messages) < 20
    assert found.place is Place.CHAT
    assert TEXT.cut_note in found.messages[-1].bubbles[-1]
