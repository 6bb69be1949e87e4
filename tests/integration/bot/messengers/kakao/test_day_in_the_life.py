"""A day in the life of a person who talks to the channel, from the first word to the last."""

from __future__ import annotations

import asyncio
import json

from bot.domain.deliveries import notice_version
from bot.messengers.kakao.simulated_requests import skill_request
from bot.messengers.kakao.words import WORDS
from bot.text.catalog import TEXTS
from tests.integration.bot.messengers.kakao.conftest import KakaoChat, running_chat
from tests.support.stack import KAKAO_SECRET, SYNC_BUDGET_S

KO, WORDS_KO = TEXTS["ko"], WORDS["ko"]
SLOW = "하나 둘 셋 넷 다섯 여섯 일곱 여덟 아홉 열"
LONG = " ".join(f"{n}번째 문장을 길게 적어 보았어요." for n in range(160))


async def greet(chat: KakaoChat) -> None:
    """The person enters the channel: the welcome block."""
    document = skill_request("시작", chat.user)
    document["userRequest"]["block"]["name"] = "웰컴 블록"
    headers = {"X-Bot-Secret": KAKAO_SECRET, "Content-Type": "application/json"}
    said = await chat.stack.post("/webhooks/kakao", json.dumps(document).encode(), headers)
    assert said.outputs == [WORDS_KO.welcome, KO.ai_notice]
    assert (await chat.press(said, "도움말")).bubbles == [KO.help]


async def three_turns(chat: KakaoChat) -> None:
    first = await chat.say("내 이름은 영희야")
    assert first.has_notice
    told = await chat.stack.until("SELECT * FROM conversation_events WHERE kind = 'ai_notice'")
    assert told.detail["version"] == notice_version(KO.ai_notice)
    for text in ("나는 부산에 살아", "내가 어디 살지?"):
        assert not (await chat.say(text)).has_notice
    assert len(chat.server.requests[-1].roles) == 6


async def a_burst(chat: KakaoChat) -> None:
    async def say(text: str, after_s: float) -> list[str]:
        await asyncio.sleep(after_s)
        return (await chat.say(text)).bubbles

    said = await asyncio.gather(say("저기요", 0), say("환불은", 0.15), say("어떻게 하나요?", 0.3))
    assert list(said) == [[KO.merged], [KO.merged], ["에코: 저기요\n환불은\n어떻게 하나요?"]]


async def a_slow_answer(chat: KakaoChat) -> None:
    """Held with a button, and fetched once it is written."""
    chat.server.delay_per_token_s, chat.server.reply = 0.1, lambda _: SLOW
    chat.stack.set_kakao_sync_budget(0.3)
    held = await chat.say("천천히 세어 줘")
    assert held.bubbles == [KO.held_ready_soon]
    await chat.stack.until(
        "SELECT 1 FROM turns WHERE text = '천천히 세어 줘' AND status = 'answered'"
    )
    fetched = await chat.press(held, "답변 확인")
    assert fetched.bubbles == [SLOW]


async def stop_and_again(chat: KakaoChat) -> None:
    """What was written by the stop stays; asked again, the question has another answer."""
    chat.server.delay_per_token_s = 0.4
    held = await chat.say("끝없이 세어 줘")
    await chat.server.until(lambda server: server.running == 1)
    await asyncio.sleep(1.0)
    assert (await chat.press(held, "그만")).bubbles == [KO.stop_done]
    stopped = await chat.stack.until(
        "SELECT * FROM turns WHERE text = '끝없이 세어 줘' AND status = 'cancelled'"
    )
    assert stopped.stopped_by
    # The same word within two seconds would be a double tap.
    assert (await chat.say("/그만")).bubbles == [KO.nothing_to_stop]
    chat.server.delay_per_token_s, chat.server.reply = 0, lambda _: "하나부터 열까지예요."
    chat.stack.set_kakao_sync_budget(SYNC_BUDGET_S)
    again = await chat.say("다시")
    assert again.bubbles[0] == "하나부터 열까지예요."
    turn = await chat.stack.until("SELECT * FROM turns WHERE regenerates IS NOT NULL")
    assert (turn.regenerates, turn.text) == (stopped.id, "끝없이 세어 줘")


async def pages_and_judgement(chat: KakaoChat) -> None:
    chat.server.reply = lambda _: LONG
    first = await chat.say("길게 써 줘")
    second = await chat.press(first, "더 보기")
    assert second.bubbles[-1].endswith("159번째 문장을 길게 적어 보았어요.")
    asked = await chat.press(first, "👎")
    assert asked.bubbles == [KO.vote_reason]
    thanked = await chat.press(asked, KO.reasons["korean"])
    assert thanked.bubbles == [KO.vote_thanks]
    labels = [reply["label"] for reply in thanked.quick_replies]
    assert labels == ["더 보기", "새 대화", "도움말"]
    assert (await chat.press(thanked, "더 보기")).bubbles == second.bubbles
    [row] = await chat.stack.rows("SELECT vote, reasons, voter FROM feedback")
    assert (row.vote, row.reasons) == ("bad", ["korean"])


async def erase(chat: KakaoChat) -> None:
    asked = await chat.say("내 정보 삭제")
    assert asked.bubbles == [KO.erase_confirm]
    assert len(await chat.stack.rows("SELECT 1 FROM turns")) > 5
    assert (await chat.press(asked, KO.erase_label)).bubbles == [KO.erase_done]
    assert not await chat.stack.rows("SELECT 1 FROM turns WHERE text <> ''")
    assert not await chat.stack.rows("SELECT 1 FROM feedback")
    assert len(await chat.stack.rows("SELECT 1 FROM erasures")) == 1


async def test_a_day_in_the_life(database_url: str, redis_url: str) -> None:
    async with running_chat(database_url, redis_url, merge_window_s=1.0) as chat:
        await greet(chat)
        await three_turns(chat)
        await a_burst(chat)
        await a_slow_answer(chat)
        await stop_and_again(chat)
        await pages_and_judgement(chat)
        await erase(chat)
