"""The Kakao pane, from the page's POST through the bot's real webhook and back as events."""

from __future__ import annotations

import io
import json
from typing import Any

import aiohttp
import pytest
from PIL import Image

from bot.messengers.kakao.platform_limits import (
    CALLBACK_LIFETIME_S,
    SKILL_TIMEOUT_S,
    check_skill_response,
    is_callback_acknowledgement,
)
from bot.messengers.kakao.sample_photo import SIZE, sample_photo
from bot.messengers.kakao.simulated_requests import skill_request
from bot.messengers.kakao.simulator_pane import PageMessage, SimulatedKakao
from bot.messengers.kakao.skill_pictures import holds_pictures
from bot.messengers.kakao.skill_request import WELCOME_BLOCK_NAME
from bot.simulator.limits import LimitError
from bot.simulator.sessions import Exchange, Session
from bot.simulator.webhook_client import WebhookClient
from fakes.faults import serving
from tests.support.simulator_standin import KAKAO_SECRET, StandInBot, bubbles
from tests.support.simulator_visitor import visitor


async def post(url: str, body: Any) -> tuple[int, dict[str, Any]]:
    async with aiohttp.ClientSession() as client, client.post(url, json=body) as response:
        return response.status, await response.json()


async def test_a_message_goes_in_as_a_whole_skill_request_and_comes_back(bot: StandInBot) -> None:
    bot.kakao_reply = bubbles("안녕하세요", "블라썸입니다")
    async with visitor(bot.origin) as person:
        assert (await person.say("kakao", text="안녕, 봇아 👋"))[0] == 202
        answer = await person.until("answer")
        assert [o["simpleText"]["text"] for o in answer["outputs"]] == [
            "안녕하세요",
            "블라썸입니다",
        ]
        assert answer["via"] == "sync"
        assert 0 <= answer["after_s"] < 5
        assert person.kinds() == ["utterance", "request", "answer"]
        assert person.events[0]["text"] == "안녕, 봇아 👋"
    assert bot.skills[0].keys() == skill_request("x").keys()
    sent = bot.skills[0]["userRequest"]
    assert sent["utterance"] == "안녕, 봇아 👋"
    assert sent["callbackUrl"].startswith(f"{bot.origin}/simulator/kakao/callback/")


async def test_the_secret_is_sent_and_never_shown(bot: StandInBot) -> None:
    async with visitor(bot.origin) as person:
        await person.say("kakao", text="안녕")
        await person.until("answer")
        record = (await person.until("request"))["wire"]["request"]
        assert record["headers"]["X-Bot-Secret"] == "••••••"
        assert record["body"] == bot.skills[0]
        assert KAKAO_SECRET not in json.dumps(person.events)


async def test_a_callback_answers_after_the_waiting_bubble(bot: StandInBot) -> None:
    replies = [
        {"label": "더", "action": "message", "messageText": "더 보기", "extra": {"turn": "7"}}
    ]
    bot.callback = bubbles("늦은 답", quick_replies=replies)
    async with visitor(bot.origin) as person:
        await person.say("kakao", text="어려운 질문")
        answer = await person.until("answer")
        assert person.kinds() == ["utterance", "request", "waiting", "answer"]
        assert answer["via"] == "callback"
        assert answer["quick_replies"] == replies
        assert bot.receipts[0]["status"] == "SUCCESS"
        tap = {"text": "더 보기", "extra": {"turn": "7"}, "trigger": "QUICKREPLY_BUTTON_MESSAGE"}
        assert (await person.say("kakao", **tap))[0] == 202
        await person.until("utterance", 2)
        await person.until("waiting", 2)
    assert bot.skills[1]["action"]["clientExtra"] == {"turn": "7"}
    assert bot.skills[1]["flow"]["trigger"]["type"] == "QUICKREPLY_BUTTON_MESSAGE"
    assert bot.skills[1]["userRequest"]["user"] == bot.skills[0]["userRequest"]["user"]


async def test_a_callback_url_is_good_once(bot: StandInBot) -> None:
    bot.callback = bubbles("하나뿐인 답")
    async with visitor(bot.origin) as person:
        await person.say("kakao", text="안녕")
        await person.until("answer")
        url = bot.skills[0]["userRequest"]["callbackUrl"]
        status, receipt = await post(url, bubbles("또 하나"))
        assert (status, receipt["status"]) == (400, "FAIL")
        assert receipt["message"] == "Invalid callback token"
        unknown = f"{bot.origin}/simulator/kakao/callback/none"
        assert (await post(unknown, bubbles("아무나")))[0] == 400
        assert person.kinds().count("answer") == 1


async def test_without_the_toggle_there_is_no_callback_url(bot: StandInBot) -> None:
    bot.callback = bubbles("올 수 없는 답")
    async with visitor(bot.origin) as person:
        await person.say("kakao", text="안녕", callback=False)
        assert (await person.until("answer"))["via"] == "sync"
    assert "callbackUrl" not in bot.skills[0]["userRequest"]


async def test_a_callback_needs_use_callback_in_the_acknowledgement(bot: StandInBot) -> None:
    async with visitor(bot.origin) as person:
        await person.say("kakao", text="안녕")
        await person.until("answer")
        url = bot.skills[0]["userRequest"]["callbackUrl"]
        _, receipt = await post(url, bubbles("약속하지 않은 답"))
        assert receipt["message"] == "Use callback true setting required"
        assert (await person.until("failure"))["title"] == "카카오가 콜백을 거절했습니다"


@pytest.mark.parametrize("body", [bubbles("가" * 1001), bubbles(*"가나다라"), ["안녕"]])
async def test_bubbles_over_the_limits_are_refused_in_words(bot: StandInBot, body: Any) -> None:
    bot.callback = body
    async with visitor(bot.origin) as person:
        await person.say("kakao", text="안녕")
        failure = await person.until("failure")
        assert "Invalid json from bot-skill" in failure["detail"]
        assert bot.receipts[0]["status"] == "FAIL"
        bot.callback, bot.kakao_reply = None, body
        await person.say("kakao", text="안녕")
        failure = await person.until("failure", 2)
        assert failure["title"] == "카카오가 표시하지 않는 말풍선입니다"


async def test_a_wrong_secret_is_readable(bot: StandInBot) -> None:
    bot.kakao_secret = "another"
    async with visitor(bot.origin) as person:
        await person.say("kakao", text="안녕")
        failure = await person.until("failure")
        assert "HTTP 401" in failure["detail"]
        assert "BOT_KAKAO_SECRET" in failure["detail"]
        assert failure["wire"]["response"] == {"status": 401, "body": {"error": "wrong secret"}}


async def played(bot: StandInBot, message: PageMessage, **times: float) -> list[dict[str, Any]]:
    """The events of one exchange with a platform with other time limits."""
    session = Session()
    async with WebhookClient() as client:
        limits = {"skill_s": SKILL_TIMEOUT_S, "callback_s": CALLBACK_LIFETIME_S, **times}
        platform = SimulatedKakao(
            client,
            KAKAO_SECRET,
            lambda: bot.origin,
            skill_s=limits["skill_s"],
            callback_s=limits["callback_s"],
        )
        await platform.send(Exchange(session, "kakao"), message)
    return [json.loads(event.json) for event in session.events.after(0)]


async def test_kakao_gives_up_after_its_time(bot: StandInBot) -> None:
    bot.kakao_delay_s = 0.5
    events = await played(bot, PageMessage(text="안녕"), skill_s=0.1)
    assert events[-1]["title"] == "응답 시간 초과"
    assert len(events) == 3


async def test_a_callback_that_never_comes_ends_the_wait(bot: StandInBot) -> None:
    bot.callback = bubbles("너무 늦은 답")
    bot.callback_delay_s = 5
    events = await played(bot, PageMessage(text="안녕"), callback_s=0.2)
    assert [event["kind"] for event in events][-2:] == ["waiting", "failure"]
    assert events[-1]["title"] == "콜백이 오지 않았습니다"


async def test_callback_promise_without_an_offer_is_a_failure(bot: StandInBot) -> None:
    bot.kakao_reply = {"version": "2.0", "useCallback": True}
    events = await played(bot, PageMessage(text="안녕", callback=False))
    assert "콜백이 꺼진 블록" in events[-1]["title"]


async def test_the_bot_words_its_own_waiting_bubble(bot: StandInBot) -> None:
    bot.kakao_reply = {"version": "2.0", "useCallback": True, "data": {"text": "찾아볼게요"}}
    events = await played(bot, PageMessage(text="안녕"), callback_s=0.05)
    assert [e["text"] for e in events if e["kind"] == "waiting"] == ["찾아볼게요"]


async def test_a_sample_photo_arrives_as_kakao_sends_one(bot: StandInBot) -> None:
    events = await played(bot, PageMessage(text="사진", kind="photo"))
    assert (events[0]["text"], events[0]["message"]) == ("사진", "photo")
    [skill] = bot.skills
    url = skill["userRequest"]["params"]["media"]["url"]
    assert skill["userRequest"]["utterance"] == url
    assert skill["flow"]["trigger"]["type"] == "IMAGE_UPLOAD"
    assert holds_pictures(skill, url)
    assert url.endswith("/simulator/kakao/photo.jpg")
    photo = Image.open(io.BytesIO(sample_photo()), formats=["JPEG"])
    assert photo.size == SIZE


async def test_who_enters_the_channel_calls_the_welcome_block(bot: StandInBot) -> None:
    await played(bot, PageMessage(text="채널 들어가기", kind="welcome"))
    [skill] = bot.skills
    assert skill["userRequest"]["block"]["name"] == WELCOME_BLOCK_NAME


async def test_unreachable_bot_is_shown_as_a_failure() -> None:
    async with serving(aiohttp.web.Application()) as gone:
        pass
    events = await played(StandInBot(origin=gone), PageMessage(text="안녕"))
    assert events[-1]["title"] == "봇에 연결할 수 없습니다"


async def test_too_many_waiting_exchanges_are_refused(bot: StandInBot) -> None:
    bot.kakao_delay_s = 0.6
    async with visitor(bot.origin) as person:
        said = [await person.say("kakao", text="안녕") for _ in range(17)]
        assert [status for status, _ in said] == [202] * 16 + [429]
        assert "기다리는 답" in said[-1][1]


def test_the_limits_name_what_is_over_them() -> None:
    check_skill_response(bubbles("가" * 1000))
    with pytest.raises(LimitError, match="1001 characters, at most 1000"):
        check_skill_response(bubbles("가" * 1001))
    card = {"title": "제목", "description": "가" * 399}
    with pytest.raises(LimitError, match="401 characters, at most 400"):
        check_skill_response({"version": "2.0", "template": {"outputs": [{"textCard": card}]}})
    buttons = [{"label": "열기", "action": "webLink", "webLinkUrl": "https://example.com"}] * 3
    wide = {"title": "제목", "buttons": buttons, "buttonLayout": "horizontal"}
    with pytest.raises(LimitError, match="buttons: 3, at most 2"):
        check_skill_response({"version": "2.0", "template": {"outputs": [{"textCard": wide}]}})
    with pytest.raises(LimitError, match="without a template"):
        is_callback_acknowledgement({**bubbles("답"), "useCallback": True})
    assert not is_callback_acknowledgement(bubbles("답"))
