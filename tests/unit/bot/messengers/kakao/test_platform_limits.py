"""Kakao's limits as the simulator and the stand-in enforce them: what fits, and what does not."""

from __future__ import annotations

from typing import Any

import pytest

from bot.messengers.kakao.platform_limits import check_skill_response, check_webhook_response
from bot.simulator.limits import LimitError

IMAGE = {"imageUrl": "https://a.kr/x.png"}
LINK = {"label": "열기", "action": "webLink", "webLinkUrl": "https://a.kr"}
ROW = {"title": "이름", "description": "철수"}
LIST_CARD = {"header": {"title": "목록"}, "items": [{"title": "하나"}] * 5}
TEXT = {"simpleText": {"text": "네"}}


def response(*outputs: dict[str, Any], **template: Any) -> dict[str, Any]:
    return {"version": "2.0", "template": {"outputs": list(outputs), **template}}


def reply(**changes: Any) -> dict[str, Any]:
    return {"label": "네", "action": "message", "messageText": "네", **changes}


@pytest.mark.parametrize(
    "output",
    [
        {"simpleText": {"text": "가" * 1000}},
        {"simpleImage": {**IMAGE, "altText": "가" * 50}},
        {"textCard": {"title": "가" * 50, "description": "가" * 350, "buttons": [LINK] * 3}},
        {"textCard": {"description": "가", "buttons": [{"action": "operator", "label": "연결"}]}},
        {"basicCard": {"thumbnail": IMAGE, "description": "가" * 230}},
        {"listCard": LIST_CARD},
        {"itemCard": {"itemList": [ROW] * 10, "title": "가" * 100, "description": "가" * 100}},
        {"commerceCard": {"price": 1000, "title": "가" * 30, "thumbnails": [IMAGE]}},
        {"carousel": {"type": "textCard", "items": [{"description": "가" * 128}] * 10}},
    ],
)
def test_what_fits_is_shown(output: dict[str, Any]) -> None:
    check_skill_response(response(output, quickReplies=[reply(extra={"a": 1})] * 10))


@pytest.mark.parametrize(
    ("output", "why"),
    [
        ({"simpleText": {"text": "가" * 1001}}, "1001 characters, at most 1000"),
        ({"simpleText": {"text": " "}}, "non-empty"),
        ({"simpleText": {}}, "non-empty"),
        ({"simpleImage": {"imageUrl": "x", "altText": "그림"}}, "must be a URL"),
        ({"simpleImage": {**IMAGE, "altText": "가" * 51}}, "altText"),
        ({"textCard": {}}, "a title or a description"),
        ({"textCard": {"title": "가" * 51}}, "textCard.title"),
        ({"textCard": {"title": "가" * 50, "description": "가" * 351}}, "401 characters"),
        ({"textCard": {"title": "가", "buttons": [LINK] * 4}}, "buttons: 4, at most 3"),
        (
            {"textCard": {"title": "가", "buttons": [LINK] * 3, "buttonLayout": "horizontal"}},
            "buttons: 3, at most 2",
        ),
        (
            {
                "textCard": {
                    "title": "가",
                    "buttons": [{**LINK, "label": "가" * 9}] * 2,
                    "buttonLayout": "horizontal",
                }
            },
            "9 characters, at most 8",
        ),
        ({"textCard": {"title": "가", "buttons": [{**LINK, "label": "가" * 15}]}}, "at most 14"),
        ({"textCard": {"title": "가", "buttons": [{**LINK, "action": "jump"}]}}, "jump"),
        ({"textCard": {"title": "가", "buttons": [{**LINK, "webLinkUrl": ""}]}}, "webLinkUrl"),
        ({"textCard": {"title": "가", "buttonLayout": []}}, "buttonLayout"),
        ({"basicCard": {"title": "가"}}, "thumbnail"),
        ({"basicCard": {"thumbnail": IMAGE, "description": "가" * 231}}, "description"),
        ({"listCard": {**LIST_CARD, "header": {}}}, "header"),
        ({"listCard": {**LIST_CARD, "items": [{"title": "하나"}] * 6}}, "6, at most 5"),
        ({"listCard": {**LIST_CARD, "items": [{}]}}, "an item's title"),
        ({"itemCard": {"itemList": [ROW] * 11}}, "11, at most 10"),
        ({"itemCard": {"itemList": [{**ROW, "title": "가" * 7}]}}, "7 characters"),
        ({"itemCard": {"itemList": [ROW], "head": {}, "profile": {}}}, "head or profile"),
        ({"itemCard": {"itemList": [ROW], "title": "가" * 201}}, "200"),
        ({"commerceCard": {"thumbnails": [IMAGE]}}, "price"),
        ({"commerceCard": {"price": 1, "thumbnails": [IMAGE] * 2}}, "2, at most 1"),
        ({"carousel": {"type": "simpleText", "items": [{"text": "가"}]}}, "in a carousel"),
        ({"carousel": {"type": "textCard", "items": [{"title": "가"}] * 11}}, "at most 10"),
        ({"carousel": {"type": "listCard", "items": [LIST_CARD]}}, "5, at most 4"),
        (
            {"carousel": {"type": "textCard", "items": [{"title": "가"}], "header": {}}},
            "no header",
        ),
        ({"carousel": {"type": "textCard", "items": [{"description": "가" * 129}]}}, "at most 128"),
        ({"poll": {}}, "unknown component"),
        ({**TEXT, "textCard": {"title": "가"}}, "exactly one"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(output: dict[str, Any], why: str) -> None:
    with pytest.raises(LimitError, match=why):
        check_skill_response(response(output))


@pytest.mark.parametrize(
    "changes",
    [
        {"quickReplies": [reply()] * 11},
        {"quickReplies": [reply(label="가" * 15)]},
        {"quickReplies": [reply(label="")]},
        {"quickReplies": [reply(action="webLink", webLinkUrl="https://a.kr")]},
        {"quickReplies": [reply(messageText=None)]},
        {"quickReplies": [reply(action="block")]},
        {"quickReplies": [reply(extra="fetch")]},
        {"outputs": []},
        {"outputs": [TEXT] * 4},
    ],
)
def test_quick_replies_and_outputs_are_counted(changes: dict[str, Any]) -> None:
    with pytest.raises(LimitError):
        check_skill_response(response(TEXT, **changes))


def test_a_callback_is_promised_alone_and_only_where_it_was_offered() -> None:
    promise = {"version": "2.0", "useCallback": True, "data": {"text": "잠시만요"}}
    check_webhook_response(promise, callback_offered=True)
    for body, offered in (
        (promise, False),
        (response(TEXT) | {"useCallback": True}, True),
        (promise | {"data": "잠시만요"}, True),
        ({"useCallback": True}, True),
        ({"version": "1.0", "template": response(TEXT)["template"]}, True),
    ):
        with pytest.raises(LimitError):
            check_webhook_response(body, callback_offered=offered)
