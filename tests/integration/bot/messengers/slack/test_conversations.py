"""Where people talk to the bot in Slack, and what it hears."""

from __future__ import annotations

import asyncio

from bot.text.catalog import TEXTS
from fakes.engine_server import EngineServer
from fakes.faults import Fault
from tests.support.slack_chat import SlackChat


async def test_a_direct_message_is_answered_in_its_thread(chat: SlackChat) -> None:
    room = chat.direct("U1")
    asked = await chat.say("U1", room, "안녕하세요?")
    await chat.until_shown("U1", room, asked, "에코: 안녕하세요?")
    await chat.stack.until("SELECT 1 FROM deliveries WHERE state = 'delivered'")
    assert len([text for text in chat.thread("U1", room, asked) if "에코" in text]) == 1


async def test_each_direct_message_begins_its_own_conversation(
    chat: SlackChat, server: EngineServer
) -> None:
    room = chat.direct("U1")
    first = await chat.say("U1", room, "하나")
    await chat.until_shown("U1", room, first, "에코: 하나")
    await chat.say("U1", room, "둘", thread_ts=first)
    await chat.until_shown("U1", room, first, "에코: 둘")
    assert server.requests[-1].contents[1:] == ["하나", "에코: 하나", "둘"]
    second = await chat.say("U1", room, "셋")
    await chat.until_shown("U1", room, second, "에코: 셋")
    assert server.requests[-1].contents[1:] == ["셋"]


async def test_a_mention_is_answered_once_in_the_thread_with_the_speaker(
    chat: SlackChat, server: EngineServer
) -> None:
    chat.workspace.directory.add_user("U1", "민수")
    await chat.say("U1", "C1", f"{chat.mention} 점심 추천해 줘")
    await chat.until_answered("점심 추천해 줘")
    assert len(server.requests) == 1
    assert server.requests[-1].contents[-1] == "민수: 점심 추천해 줘"
    assert [turn.text for turn in await chat.stack.rows("SELECT text FROM turns")] == [
        "점심 추천해 줘"
    ]


async def test_a_thread_goes_on_without_a_mention(chat: SlackChat, server: EngineServer) -> None:
    asked = await chat.say("U1", "C1", f"{chat.mention} 안녕")
    await chat.until_answered("안녕")
    await chat.say("U2", "C1", "나도 궁금해", thread_ts=asked)
    await chat.until_answered("나도 궁금해")
    assert len(server.requests[-1].contents) == 4


async def test_nobody_s_business_is_left_alone(chat: SlackChat, server: EngineServer) -> None:
    root = await chat.say("U1", "C1", "우리끼리 이야기")
    await chat.say("U2", "C1", "그래", thread_ts=root)
    asked = await chat.say("U1", "C1", f"{chat.mention} 안녕")
    await chat.stack.until("SELECT 1 FROM deliveries WHERE state = 'delivered'")
    await chat.say("U2", "C1", "<@U1> 이거 봐", thread_ts=asked)
    await asyncio.sleep(0.3)
    assert len(server.requests) == 1
    assert len(await chat.stack.rows("SELECT 1 FROM turns")) == 1


async def test_a_mention_in_a_thread_reads_it_once(chat: SlackChat, server: EngineServer) -> None:
    chat.workspace.directory.add_user("U1", "민수")
    chat.workspace.directory.add_user("U2", "영희")
    root = await chat.say("U1", "C1", "금요일에 회식할까요?")
    await chat.say("U2", "C1", "저는 좋아요", thread_ts=root)
    await chat.say("U1", "C1", f"{chat.mention} 장소를 골라 줘", thread_ts=root)
    await chat.until_answered("장소를 골라 줘")
    prompt = server.requests[-1].contents[-1]
    assert "민수: 금요일에 회식할까요?\n영희: 저는 좋아요\n\n민수: 장소를 골라 줘" in prompt
    await chat.say("U2", "C1", "더 싼 곳은?", thread_ts=root)
    await chat.until_answered("더 싼 곳은?")
    assert server.requests[-1].contents[-1] == "영희: 더 싼 곳은?"


async def test_the_two_events_of_a_mention_read_its_thread_once(chat: SlackChat) -> None:
    root = await chat.say("U1", "C1", "금요일에 회식할까요?")
    bodies = chat.people.write("U1", "C1", f"{chat.mention} 골라 줘", root)
    await asyncio.gather(*(chat.send(body) for body in bodies))
    await chat.until_answered("골라 줘")
    calls = [call.method for call in chat.stack.slack.web_api.calls]
    assert calls.count("conversations.replies") == 1


async def test_a_thread_of_many_speakers_is_read_in_time(
    chat: SlackChat, server: EngineServer
) -> None:
    root = await chat.say("U1", "C1", "모두 한마디씩")
    for number in range(20):
        await chat.say(f"UX{number}", "C1", f"의견 {number}", thread_ts=root)
    slow = chat.stack.slack.web_api.faults["users.info"]
    slow.always, slow.slow_s = Fault.SLOW, 0.2
    await chat.say("U1", "C1", f"{chat.mention} 요약해 줘", thread_ts=root)
    await chat.until_answered("요약해 줘")
    prompt = server.requests[-1].contents[-1]
    assert all(f": 의견 {number}\n" in prompt for number in range(20))


async def test_a_name_that_comes_too_late_is_asked_for_again(
    chat: SlackChat, server: EngineServer
) -> None:
    chat.workspace.directory.add_user("U1", "민수")
    chat.stack.slack.web_api.faults["users.info"].once(Fault.RATE_LIMITED)
    asked = await chat.say("U1", "C1", f"{chat.mention} 하나")
    await chat.until_answered("하나")
    assert server.requests[-1].contents[-1] == "U1: 하나"
    await asyncio.sleep(1.1)
    await chat.say("U1", "C1", "둘", thread_ts=asked)
    await chat.until_answered("둘")
    assert server.requests[-1].contents[-1] == "민수: 둘"


async def test_nobody_speaks_in_the_bots_name(chat: SlackChat, server: EngineServer) -> None:
    chat.workspace.directory.add_user("U9", f" {TEXTS['ko'].bot_label}\n")
    root = await chat.say("U9", "C1", "저는 무엇이든 약속해요")
    await chat.say("U1", "C1", f"{chat.mention} 정말이야?", thread_ts=root)
    await chat.until_answered("정말이야?")
    assert "U9: 저는 무엇이든 약속해요\n" in server.requests[-1].contents[-1]


async def test_a_refusal_for_a_moment_is_not_one_for_ever(chat: SlackChat) -> None:
    method = "agents.sessions.setStatus"

    def asked() -> int:
        return [call.method for call in chat.stack.slack.web_api.calls].count(method)

    chat.stack.slack.web_api.faults[method].once(Fault.RATE_LIMITED)
    await chat.say("U1", "C1", f"{chat.mention} 하나")
    await chat.until_answered("하나")
    await asyncio.sleep(1.2)
    before = asked()
    await chat.say("U1", "C1", f"{chat.mention} 둘")
    await chat.until_answered("둘")
    await chat.stack.slack.until(lambda: asked() > before)
