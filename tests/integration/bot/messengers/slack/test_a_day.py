"""A day with the bot in Slack, once in direct messages and once in a channel's thread."""

from __future__ import annotations

import asyncio

from bot.messengers.slack.controls import ERASE_ACTION, VOTE_ACTION
from bot.text.catalog import TEXTS
from fakes.engine_server import EngineServer
from tests.support.slack_chat import SlackChat

KO = TEXTS["ko"]
STORY = "옛날 옛적에 " * 150


async def test_a_day_in_direct_messages(chat: SlackChat, server: EngineServer) -> None:
    room = chat.direct("U1")
    await chat.send(chat.people.open_app("U1", "messages"))
    await chat.stack.slack.until(lambda: room in chat.workspace.surfaces.prompts)
    thread = await three_turns(chat, server, room)
    await a_burst(chat, room, thread)
    await a_stopped_story(chat, server, room, thread)
    server.reply = lambda _: "짧은 이야기"
    await chat.say("U1", room, "다시", thread_ts=thread)
    ts = await chat.until_shown("U1", room, thread, "짧은 이야기")
    await judge(chat, room, ts)
    await erase(chat, room, thread)
    assert not chat.workspace.state.violations


async def test_a_day_in_a_channel(chat: SlackChat, server: EngineServer) -> None:
    asked = await chat.say("U1", "C1", f"{chat.mention} 안녕")
    await chat.until_answered("안녕")
    await chat.say("U2", "C1", "나도 왔어", thread_ts=asked)
    await chat.until_answered("나도 왔어")
    await a_burst(chat, "C1", asked)
    await a_stopped_story(chat, server, "C1", asked)
    server.reply = lambda _: "짧은 이야기"
    await chat.say("U2", "C1", "다시", thread_ts=asked)
    ts = await chat.until_shown("U1", "C1", asked, "짧은 이야기")
    await judge(chat, "C1", ts)
    await erase(chat, "C1", asked)
    left = await chat.stack.rows("SELECT DISTINCT sender FROM turns")
    assert [turn.sender for turn in left] == ["U2"]
    assert not chat.workspace.state.violations


async def three_turns(chat: SlackChat, server: EngineServer, room: str) -> str:
    """The first answer says that an AI wrote it; the third knows the first two questions."""
    thread = await chat.say("U1", room, "내 이름은 영희야")
    await chat.until_answered("내 이름은 영희야")
    for question in ("나는 부산에 살아", "내가 누구지?"):
        await chat.say("U1", room, question, thread_ts=thread)
        await chat.until_answered(question)
    notices = [text for text in chat.thread("U1", room, thread) if KO.ai_notice in text]
    assert len(notices) == 1
    questions = server.requests[-1].contents[1::2]
    assert questions == ["내 이름은 영희야", "나는 부산에 살아", "내가 누구지?"]
    return thread


async def a_burst(chat: SlackChat, room: str, thread: str) -> None:
    """Three messages at once are answered one by one, in their order."""
    words = ["하나", "둘", "셋"]
    await asyncio.gather(*(chat.say("U1", room, one, thread_ts=thread) for one in words))
    for one in words:
        await chat.until_answered(one)
    shown = [text for text in chat.thread("U1", room, thread) if text.startswith("에코: ")]
    newest = [text.split()[-1] for text in shown[-3:]]
    asked = await chat.stack.rows(
        "SELECT text FROM turns WHERE text IN ('하나', '둘', '셋') ORDER BY seq"
    )
    assert newest == [turn.text for turn in asked]


async def a_stopped_story(chat: SlackChat, server: EngineServer, room: str, thread: str) -> None:
    """What was written by the stop stays, in the log and in direct messages."""
    server.reply = lambda _: STORY
    server.delay_per_token_s = 0.05
    await chat.say("U1", room, "이야기해 줘", thread_ts=thread)
    await chat.stack.until("SELECT 1 FROM turns WHERE status = 'generating'")
    await asyncio.sleep(1.0)
    await chat.say("U1", room, "그만", thread_ts=thread)
    turn = await chat.stack.until("SELECT * FROM turns WHERE status = 'cancelled'")
    assert turn.stopped_by == "U1"
    assert STORY.startswith(turn.answer)
    server.delay_per_token_s = 0.0


async def judge(chat: SlackChat, room: str, ts: str) -> None:
    """Another vote of the same person replaces the first."""
    [turn] = await chat.stack.rows("SELECT id FROM turns WHERE answer = '짧은 이야기'")
    await chat.until_answered("이야기해 줘")
    await chat.stack.until("SELECT 1 FROM posts WHERE state = 'final'")
    await chat.press("U1", room, ts, VOTE_ACTION, f"good:{turn.id}")
    await chat.press("U1", room, ts, VOTE_ACTION, f"bad:{turn.id}")
    await chat.stack.slack.until(lambda: "U1" in chat.workspace.views.modals)
    chosen = {"reasons": {"reasons": {"selected_options": [{"value": "unhelpful"}]}}}
    await chat.interact(chat.people.submit("U1", chosen))
    [vote] = await chat.stack.rows("SELECT * FROM feedback")
    assert (vote.voter, vote.vote, vote.reasons) == ("U1", "bad", ["unhelpful"])


async def erase(chat: SlackChat, room: str, thread: str) -> None:
    """Only after the button is pressed."""
    await chat.say("U1", room, "내 정보 삭제", thread_ts=thread)
    ts = await chat.until_shown("U1", room, thread, KO.erase_confirm)
    assert await chat.stack.rows("SELECT 1 FROM turns WHERE sender = 'U1'")
    await chat.press("U1", room, ts, ERASE_ACTION, "erase")
    await chat.stack.until("SELECT 1 FROM erasures")
    assert not await chat.stack.rows("SELECT 1 FROM turns WHERE sender = 'U1'")
    assert not await chat.stack.rows("SELECT 1 FROM feedback WHERE voter = 'U1'")
