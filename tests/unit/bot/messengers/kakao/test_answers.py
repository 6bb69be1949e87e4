"""Answers as Kakao shows them, and the one POST to the callback."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.deliveries import Answer, DeliveryResult, DeliveryVia, Outcome, ReplyHandle
from bot.domain.turns import has_visible
from bot.http.outbound import OutboundClient
from bot.messengers.kakao.adapter import KakaoAdapter
from bot.messengers.kakao.answer_pages import MAX_MARKDOWN_CHARS, answer_page
from bot.messengers.kakao.bubbles import Style
from bot.messengers.kakao.platform_limits import check_skill_response
from bot.messengers.kakao.settings import KakaoSettings
from bot.messengers.kakao.skill_response import (
    answer_response,
    callback_response,
    human_response,
    sentence_response,
)
from bot.messengers.kakao.words import WORDS
from bot.text.catalog import TEXTS, Texts
from bot.text.splitting import utf16_units
from tests.support.raw_http import Wire, free_port, http, wire

KO = TEXTS["ko"]
TURN = UUID("01890000-0000-7000-8000-000000000001")


def answer(text: str, *, ai_notice: bool = False, hold: bool = False) -> Answer:
    return Answer(turn_id=TURN, text=text, ai_notice=ai_notice, hold=hold)


def bubbles(response: dict[str, Any]) -> list[str]:
    assert response["version"] == "2.0"
    outputs = response["template"]["outputs"]
    assert all(list(output) == ["simpleText"] for output in outputs)
    return [output["simpleText"]["text"] for output in outputs]


def test_a_short_answer_is_one_bubble() -> None:
    response = answer_response(answer("**서울**은 한국의 수도예요."), KO)
    assert bubbles(response) == ["서울은 한국의 수도예요."]


def test_the_notice_comes_before_the_answer() -> None:
    assert bubbles(answer_response(answer("네", ai_notice=True), KO)) == [KO.ai_notice, "네"]


def test_a_full_answer_carries_the_notice_in_its_first_bubble() -> None:
    text = "\n\n".join("가" * 850 for _ in range(3))
    shown = bubbles(answer_response(answer(text, ai_notice=True), KO))
    assert shown[0] == KO.ai_notice + "\n\n" + "가" * 850
    assert shown[1:] == ["가" * 850] * 2


def labels(response: dict[str, Any]) -> list[str]:
    return [reply["label"] for reply in response["template"].get("quickReplies", [])]


def test_a_long_answer_offers_its_next_page() -> None:
    text = " ".join(f"{n}번째 문장이에요." for n in range(400))
    response = answer_response(answer(text), KO)
    assert len(bubbles(response)) == 3
    assert all(bubble.endswith("이에요.") for bubble in bubbles(response))
    assert response["template"]["quickReplies"][0] == {
        "label": "더 보기",
        "action": "message",
        "messageText": "더 보기",
        "extra": {"page_turn": str(TURN), "page": 2},
    }


def test_the_pages_of_an_answer_are_the_whole_answer() -> None:
    text = "\n\n".join(f"{n}번째 문장이에요. https://example.com/{n}" for n in range(400))
    shown: list[str] = []
    for page in range(1, 100):
        response = answer_response(answer(text, ai_notice=page == 1), KO, page=page)
        check_skill_response(response)
        shown += bubbles(response)
        if "더 보기" not in labels(response):
            break
    assert page > 3
    words = " ".join(shown).replace(KO.ai_notice, "").split()
    assert words == text.split()


def test_any_page_is_shown_again_the_same() -> None:
    text = " ".join(f"{n}번째 문장이에요." for n in range(900))
    third = answer_response(answer(text), KO, page=3)
    assert bubbles(third) != bubbles(answer_response(answer(text), KO, page=2))
    assert answer_response(answer(text), KO, page=3) == third


def test_behind_the_last_page_there_is_nothing() -> None:
    assert answer_page("짧아요", 2).pieces == ()


def test_markdown_that_is_never_read_to_its_end_is_cut_and_said() -> None:
    text = "가나다라 마바사. " * (MAX_MARKDOWN_CHARS // 8)
    page = next(n for n in range(1, 100) if not answer_page(text, n).has_next)
    assert bubbles(answer_response(answer(text), KO, page=page))[-1].endswith(KO.cut_note)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n",
        "\x00",
        "\u200b",
        "\u200b\n\n\ufeff",
        "\u3164" * 2000,
        "\u115f\u1160",
        "\u2800\ufe0f",
    ],
)
def test_an_empty_answer_is_an_honest_sentence(text: str) -> None:
    assert bubbles(answer_response(answer(text), KO)) == [KO.failed]


@given(
    st.lists(
        st.sampled_from(["\u200b" * 950, "\u3164" * 901, "가" * 899, "네 ", "\n\n", "\u034f"]),
        max_size=12,
    ).map("".join)
)
def test_every_bubble_shows_something(text: str) -> None:
    for number in (1, 2):
        if number == 1 or answer_page(text, number).pieces:
            shown = bubbles(answer_response(answer(text), KO, page=number))
            assert all(map(has_visible, shown))


def test_a_held_answer_has_the_button_of_its_turn() -> None:
    turn_id = uuid4()
    held = Answer(turn_id=turn_id, text=KO.held_ready_soon, hold=True)
    response = answer_response(held, KO)
    assert bubbles(response) == [KO.held_ready_soon]
    assert response["template"]["quickReplies"][0] == {
        "label": "답변 확인",
        "action": "message",
        "messageText": "답변 확인",
        "extra": {"fetch_turn": str(turn_id)},
    }
    assert labels(response) == ["답변 확인", "그만"]


def test_an_unfinished_answer_says_so_and_offers_to_continue() -> None:
    unfinished = Answer(turn_id=TURN, text="첫째로, 서울은", truncated=True, ai_notice=True)
    response = answer_response(unfinished, KO)
    assert bubbles(response) == [KO.ai_notice, f"첫째로, 서울은\n\n{KO.cut_note}"]
    assert response["template"]["quickReplies"][0] == {
        "label": "계속",
        "action": "message",
        "messageText": "계속",
        "extra": {"continue_turn": str(TURN)},
    }


def test_an_unfinished_answer_in_code_shows_the_note_as_text() -> None:
    unfinished = Answer(turn_id=TURN, text="보세요\n```py\nx = 1", truncated=True)
    assert bubbles(answer_response(unfinished, KO)) == [f"보세요\n\nx = 1\n\n{KO.cut_note}"]


def test_an_unfinished_long_answer_continues_below_its_last_page() -> None:
    unfinished = Answer(turn_id=TURN, text="가나다라 마바사. " * 400, truncated=True)
    first = answer_response(unfinished, KO)
    assert KO.cut_note not in "".join(bubbles(first))
    assert "계속" not in labels(first)
    last = answer_response(unfinished, KO, page=2)
    assert bubbles(last)[-1].endswith(KO.cut_note)
    assert labels(last)[0] == "계속"


def test_ten_buttons_are_the_most() -> None:
    earlier = tuple(uuid4() for _ in range(12))
    unfinished = Answer(turn_id=TURN, text="네", truncated=True, earlier=earlier)
    buttons = answer_response(unfinished, KO)["template"]["quickReplies"]
    assert len(buttons) == 10
    assert buttons[0]["label"] == "계속"


def test_a_sentence_is_one_bubble_with_the_commands_below() -> None:
    response = sentence_response("네", KO)
    assert response["template"]["outputs"] == [{"simpleText": {"text": "네"}}]
    assert response["template"]["quickReplies"] == [
        {
            "label": label,
            "action": "message",
            "messageText": label,
            "extra": {"command": command},
        }
        for label, command in (("새 대화", "reset"), ("도움말", "help"))
    ]
    check_skill_response(response)


def test_a_failure_offers_to_ask_again() -> None:
    failed = Answer(turn_id=TURN, text=KO.failed, answered=False)
    assert labels(answer_response(failed, KO)) == ["다시", "새 대화", "도움말"]


def test_an_answer_can_be_judged_by_buttons_that_carry_its_turn() -> None:
    response = answer_response(answer("네"), KO)
    assert labels(response) == ["👍", "👎", "새 대화", "도움말"]
    good, bad, *_ = response["template"]["quickReplies"]
    assert good["extra"] == {"vote": "good", "turn": str(TURN)}
    assert bad["extra"] == {"vote": "bad", "turn": str(TURN)}
    assert str(TURN) not in good["messageText"]


def test_the_votes_of_a_long_answer_remember_its_next_page() -> None:
    response = answer_response(answer("가나다라 마바사. " * 400), KO)
    assert labels(response)[:3] == ["더 보기", "👍", "👎"]
    assert response["template"]["quickReplies"][1]["extra"]["page"] == 2


def test_the_operator_switches_the_human_and_the_label_of_the_ai() -> None:
    style = Style(operator=True, footer=True)
    response = answer_response(answer("네"), KO, style=style)
    assert labels(response)[-1] == "상담원"
    assert bubbles(response) == [f"네\n\n{WORDS['ko'].ai_label}"]
    held = answer_response(answer("잠시만요", hold=True), KO, style=style)
    assert bubbles(held) == ["잠시만요"]


def test_a_conversation_that_began_anew_says_so_once() -> None:
    text = " ".join(f"{n}번째 문장이에요." for n in range(400))
    anew = replace(answer(text, ai_notice=True), begins_anew=True)
    first, second = (bubbles(answer_response(anew, KO, page=page)) for page in (1, 2))
    assert first[0].startswith(f"{KO.idle_note}\n{KO.ai_notice}\n\n0번째")
    assert KO.idle_note not in "".join(second)


@pytest.mark.parametrize("language", ["ko", "en"])
def test_the_human_is_called_by_kakaos_own_button(language: str) -> None:
    texts, words = TEXTS[language], WORDS[language]
    for sentence in (words.human_offered, words.human_awaited):
        response = human_response(sentence, texts)
        [output] = response["template"]["outputs"]
        [button] = output["textCard"]["buttons"]
        assert button == {"action": "operator", "label": words.operator_label}
        assert words.operator_label in sentence
        assert labels(response) == [texts.bot_label]
        check_skill_response(response)


def test_the_promise_of_a_callback_has_no_template() -> None:
    assert callback_response(KO) == {
        "version": "2.0",
        "useCallback": True,
        "data": {"text": KO.callback_waiting},
    }


@given(
    text=st.text(max_size=300).map(lambda part: part * 20)
    | st.text(alphabet="가나다. \n\n*#-`|😀👨‍👩‍👧🇰🇷ab", max_size=400).map(lambda part: part * 12),
    ai_notice=st.booleans(),
    hold=st.booleans(),
    begins_anew=st.booleans(),
    style=st.sampled_from([Style(), Style(operator=True, footer=True)]),
    truncated=st.booleans(),
    language=st.sampled_from(["ko", "en"]),
    own=st.booleans(),
)
def test_any_answer_stays_within_the_limits(
    text: str,
    ai_notice: bool,
    hold: bool,
    begins_anew: bool,
    style: Style,
    truncated: bool,
    language: str,
    own: bool,
) -> None:
    texts = TEXTS[language]
    if own:  # as long as the database may set them
        long = "가" * 899 + "요"
        names = ("cut_note", "idle_note", "earlier_expired")
        changes: dict[str, Any] = dict.fromkeys(names, long)
        texts = replace(texts, **changes)
    shown_answer = replace(
        answer(text, ai_notice=ai_notice, hold=hold),
        truncated=truncated,
        begins_anew=begins_anew,
        expired=(TURN,),
    )
    response = answer_response(shown_answer, texts, style=style)
    check_skill_response(response)
    shown = bubbles(response)
    assert 1 <= len(shown) <= 3
    assert all(has_visible(bubble) and utf16_units(bubble) <= 1000 for bubble in shown)
    json.dumps(response, ensure_ascii=False).encode()
    if ai_notice:
        assert texts.ai_notice in shown[0]


# --- the callback ---


@pytest.fixture
async def platform() -> AsyncIterator[Wire]:
    async with wire(callback_answer("SUCCESS")) as server:
        yield server


def callback_answer(status: str, message: str = "ok", *, http_status: int = 200) -> bytes:
    document = {"taskId": "t-1", "status": status, "message": message, "timestamp": 1}
    return http(http_status, json.dumps(document))


def texts_for(messenger: str, tenant: str, room: str) -> Texts:
    """The sentences of a deployment that sets its own for one bot."""
    assert (messenger, room) == ("kakao", "")
    return replace(KO, fetch_label="답변 보기") if tenant == "b2" else KO


async def deliver(
    url: str | None,
    *origins: str,
    via: DeliveryVia = DeliveryVia.CALLBACK,
    bot_id: str = "b1",
    held: bool = False,
) -> DeliveryResult:
    handle = ReplyHandle(
        via=DeliveryVia.SYNC,
        address={} if url is None else {"callback_url": url, "bot_id": bot_id},
        expires_at=datetime.now(UTC) + timedelta(minutes=1),
    )
    async with OutboundClient() as session:
        settings = KakaoSettings(callback_hosts=(".kakao.com", *origins))
        kakao = KakaoAdapter(settings, texts_for, session)
        return await kakao.deliver(handle, via, answer("안녕하세요", hold=held))


async def test_the_answer_goes_to_the_callback_as_it_is_spelled(platform: Wire) -> None:
    target = "/v1/bot/b1/callback?token=a%3D%7E%2Fb"
    result = await deliver(platform.origin + target, platform.origin)
    assert result == DeliveryResult(
        outcome=Outcome.DELIVERED, detail="HTTP 200 SUCCESS ok task t-1"
    )
    assert platform.targets == [target]
    assert platform.json() == answer_response(answer("안녕하세요"), KO)


@pytest.mark.parametrize(("bot_id", "label"), [("b1", "답변 확인"), ("b2", "답변 보기")])
async def test_the_callback_speaks_in_the_words_of_its_bot(
    platform: Wire, bot_id: str, label: str
) -> None:
    await deliver(f"{platform.origin}/x", platform.origin, bot_id=bot_id, held=True)
    assert labels(platform.json())[0] == label


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (callback_answer("FAIL", "Invalid callback token"), Outcome.REFUSED),
        (callback_answer("FAIL", "Use callback true setting required"), Outcome.RETRY),
        (callback_answer("ERROR"), Outcome.REFUSED),
        (callback_answer("FAIL", http_status=400), Outcome.REFUSED),
        (http(404, "<html>"), Outcome.REFUSED),
        (http(429), Outcome.RETRY),
        (http(302, Location="https://evil.com/"), Outcome.REFUSED),
        (callback_answer("ERROR", http_status=500), Outcome.UNCONFIRMED),
        (http(503, "busy"), Outcome.UNCONFIRMED),
        (http(200, ""), Outcome.UNCONFIRMED),
        (http(200, "null"), Outcome.UNCONFIRMED),
        (http(200, '{"status": null}'), Outcome.UNCONFIRMED),
        (http(200, b"\xff"), Outcome.UNCONFIRMED),
        (http(200, "[" * 60_000), Outcome.UNCONFIRMED),
        (b"", Outcome.UNCONFIRMED),
    ],
)
async def test_outcome_follows_kakaos_receipt(reply: bytes, outcome: Outcome) -> None:
    async with wire(reply) as server:
        result = await deliver(f"{server.origin}/x", server.origin)
    assert result.outcome is outcome
    assert len(server.heads) == 1


async def test_the_detail_holds_the_message_and_never_the_token() -> None:
    token = "0123456789abcdef0123456789abcdef"
    reply = callback_answer("FAIL", f"Invalid callback token {token} " + "x " * 300)
    async with wire(reply) as server:
        result = await deliver(f"{server.origin}/x?token={token}", server.origin)
    assert result.detail.startswith("HTTP 200 FAIL Invalid callback token … x x")
    assert result.detail.endswith("task t-1")
    assert len(result.detail) < 260
    assert not re.search("[0-9a-f]{10}", result.detail)


async def test_refused_port_may_be_tried_again() -> None:
    origin = f"http://127.0.0.1:{free_port()}"
    assert (await deliver(f"{origin}/x", origin)).outcome is Outcome.RETRY


@pytest.mark.parametrize("url", [None, "https://evilkakao.com/x", "http://127.0.0.1:1/x"])
async def test_another_host_is_never_called(url: str | None) -> None:
    assert (await deliver(url)).outcome is Outcome.REFUSED


@pytest.mark.parametrize("via", [DeliveryVia.SYNC, DeliveryVia.POST, DeliveryVia.HELD])
async def test_the_callback_is_the_only_way_out(platform: Wire, via: DeliveryVia) -> None:
    result = await deliver(f"{platform.origin}/x", platform.origin, via=via)
    assert result.outcome is Outcome.REFUSED
    assert not platform.heads
