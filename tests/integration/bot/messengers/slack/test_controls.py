"""Stopping, asking again, judging, erasing and calling a human in Slack."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text

from bot.messengers.slack import simulated_interactions as interactions
from bot.messengers.slack.controls import ERASE_ACTION, VOTE_ACTION
from bot.messengers.slack.status import BEGIN_AFTER_S
from bot.text.catalog import TEXTS
from fakes.engine_server import EngineServer
from fakes.faults import Fault
from tests.support.slack_chat import SlackChat
from tests.support.stack import running_bot

LONG = "가나다라마바사아자차 " * 200


async def test_a_stopped_answer_keeps_what_was_written(
    chat: SlackChat, server: EngineServer
) -> None:
    server.reply = lambda _: LONG
    server.delay_per_token_s = 0.05
    room = chat.direct("U1")
    asked = await chat.say("U1", room, "길게")
    await chat.until_shown("U1", room, asked, "가나다")
    await chat.send(chat.people.stop("U1", room, asked))
    turn = await chat.until_answered("길게")
    assert (turn.status, turn.stopped_by) == ("cancelled", "U1")
    assert turn.answer
    assert LONG.startswith(turn.answer)
    [shown] = [text for text in chat.thread("U1", room, asked) if "가나다" in text]
    assert shown.startswith(turn.answer.rstrip())
    assert "멈췄어요" in shown
    # Slack has ended the stream itself: it says so once, and is not asked again.
    assert [call.method for call in chat.stack.slack.web_api.calls].count("chat.stopStream") == 1


async def test_the_word_stops_the_answer_within_a_second(
    chat: SlackChat, server: EngineServer
) -> None:
    server.reply = lambda _: LONG
    server.delay_per_token_s = 0.05
    room = chat.direct("U1")
    asked = await chat.say("U1", room, "길게")
    await chat.until_shown("U1", room, asked, "가나다")
    began = asyncio.get_running_loop().time()
    await chat.say("U1", room, "그만", thread_ts=asked)
    turn = await chat.until_answered("길게")
    assert turn.status == "cancelled"
    assert asyncio.get_running_loop().time() - began < 5
    assert server.aborted == 1


async def test_again_keeps_both_answers_in_the_log(chat: SlackChat, server: EngineServer) -> None:
    room = chat.direct("U1")
    asked = await chat.say("U1", room, "하나")
    await chat.until_answered("하나")
    server.reply = lambda _: "다른 답"
    await chat.say("U1", room, "다시", thread_ts=asked)
    await chat.until_shown("U1", room, asked, "다른 답")
    assert server.requests[-1].contents[1:] == ["하나"]
    turns = await chat.stack.rows("SELECT answer, regenerates, id FROM turns ORDER BY seq")
    assert [turn.answer for turn in turns] == ["에코: 하나", "다른 답"]
    assert turns[1].regenerates == turns[0].id
    await chat.say("U1", room, "둘", thread_ts=asked)
    await chat.until_answered("둘")
    assert server.requests[-1].contents[1:] == ["하나", "다른 답", "둘"]


async def test_again_after_a_stopped_repetition_replaces_the_first_answer(
    chat: SlackChat, server: EngineServer
) -> None:
    room = chat.direct("U1")
    asked = await chat.say("U1", room, "하나")
    await chat.until_answered("하나")
    server.reply, server.delay_per_token_s = (lambda _: LONG), 0.05
    await chat.say("U1", room, "다시", thread_ts=asked)
    await chat.until_shown("U1", room, asked, "가나다")
    await chat.say("U1", room, "그만", thread_ts=asked)
    await chat.until_shown("U1", room, asked, "여기서 멈췄어요")
    server.reply, server.delay_per_token_s = (lambda _: "다른 답"), 0.0
    await chat.say("U1", room, "다시", thread_ts=asked)
    await chat.until_shown("U1", room, asked, "다른 답")
    assert server.requests[-1].contents[1:] == ["하나"]
    await chat.say("U1", room, "둘", thread_ts=asked)
    await chat.until_answered("둘")
    assert server.requests[-1].contents[1:] == ["하나", "다른 답", "둘"]


async def vote(chat: SlackChat, user: str, side: str) -> tuple[str, str]:
    """Answer a question, and press a thumb; the channel and the answer's ts."""
    room = chat.direct("U1")
    asked = await chat.say("U1", room, "하나")
    turn = await chat.until_answered("하나")
    ts = await chat.until_shown("U1", room, asked, "에코: 하나")
    said = await chat.press(user, room, ts, VOTE_ACTION, f"{side}:{turn.id}")
    assert said.status == 200
    return room, ts


async def test_a_vote_is_stored_and_may_change(chat: SlackChat) -> None:
    room, ts = await vote(chat, "U1", "good")
    [stored] = await chat.stack.rows("SELECT * FROM feedback")
    assert (stored.voter, stored.vote) == ("U1", "good")
    await chat.press("U1", room, ts, VOTE_ACTION, f"bad:{stored.turn_id}")
    [stored] = await chat.stack.rows("SELECT * FROM feedback")
    assert stored.vote == "bad"


async def test_a_bad_vote_asks_for_reasons(chat: SlackChat) -> None:
    await vote(chat, "U1", "bad")
    await chat.stack.slack.until(lambda: "U1" in chat.workspace.views.modals)
    form = chat.people.submit(
        "U1",
        {
            "reasons": {"reasons": {"selected_options": [{"value": "wrong"}, {"value": "korean"}]}},
            "note": {"note": {"value": "서울이 아니라 부산이에요"}},
        },
    )
    for _ in range(2):
        assert (await chat.interact(form)).status == 200
    [stored] = await chat.stack.rows("SELECT * FROM feedback")
    assert (stored.vote, stored.reasons) == ("bad", ["wrong", "korean"])
    assert stored.note == "서울이 아니라 부산이에요"


async def test_a_vote_from_another_channel_changes_nothing(chat: SlackChat) -> None:
    room, ts = await vote(chat, "U1", "good")
    [stored] = await chat.stack.rows("SELECT * FROM feedback")
    payload = chat.people.press("U1", room, ts, VOTE_ACTION, f"bad:{stored.turn_id}")
    payload["channel"]["id"] = payload["container"]["channel_id"] = "C9"
    assert (await chat.interact(payload)).status == 200
    [stored] = await chat.stack.rows("SELECT * FROM feedback")
    assert stored.vote == "good"


async def test_refused_vote_buttons_become_plain_ones(chat: SlackChat) -> None:
    chat.workspace.rules.refused_block_types = {"context_actions"}
    room = chat.direct("U1")
    asked = await chat.say("U1", room, "하나")
    await chat.until_answered("하나")
    ts = await chat.until_shown("U1", room, asked, "에코: 하나")
    blocks = chat.workspace.state.message(chat.workspace.directory.room(room), ts).blocks
    assert [block["type"] for block in blocks][-1] == "actions"


async def test_an_erasure_is_confirmed_and_complete(chat: SlackChat) -> None:
    room = chat.direct("U1")
    asked = await chat.say("U1", room, "하나")
    await chat.until_answered("하나")
    other = await chat.say("U2", chat.direct("U2"), "남의 것")
    await chat.until_answered("남의 것")
    assert other
    await chat.say("U1", room, "내 정보 삭제", thread_ts=asked)
    ts = await chat.until_shown("U1", room, asked, "지울까요")
    assert len(await chat.stack.rows("SELECT 1 FROM turns")) == 2
    await chat.press("U1", room, ts, ERASE_ACTION, "erase")
    [receipt] = await chat.stack.rows("SELECT * FROM erasures")
    assert receipt.counts["turns"] == 1
    assert "U1" not in str(receipt)
    left = await chat.stack.rows("SELECT sender FROM turns")
    assert [turn.sender for turn in left] == ["U2"]
    assert len(await chat.stack.rows("SELECT 1 FROM conversations")) == 1


async def test_a_human_is_called_and_the_bot_is_silent(
    chat: SlackChat, server: EngineServer
) -> None:
    chat.workspace.directory.joined.add("CHUMANS")
    asked = await chat.say("U1", "C1", f"{chat.mention} 안녕")
    await chat.until_answered("안녕")
    await chat.say("U1", "C1", "상담원", thread_ts=asked)
    await chat.stack.slack.until(lambda: bool(chat.workspace.screen("U1", "CHUMANS")))
    await chat.say("U1", "C1", "거기 계세요?", thread_ts=asked)
    assert len(server.requests) == 1
    # Whoever calls once more calls nobody else.
    await chat.say("U2", "C1", "상담원", thread_ts=asked)
    await chat.until_shown("U2", "C1", asked, "연결해")
    assert len(chat.workspace.screen("U1", "CHUMANS")) == 1
    await chat.say("U1", "C1", "챗봇", thread_ts=asked)
    await chat.say("U1", "C1", "이제 답해 줘", thread_ts=asked)
    await chat.until_answered("이제 답해 줘")
    events = await chat.stack.rows(
        "SELECT kind, actor FROM conversation_events WHERE kind LIKE 'human%' ORDER BY id"
    )
    assert [(one.kind, one.actor) for one in events] == [
        ("human_called", "U1"),
        ("human_left", "U1"),
    ]


@pytest.mark.parametrize("word", ["도움말", "상담원", "챗봇", "그만", "내 정보 삭제", "새 대화"])
async def test_a_command_in_two_events_is_carried_out_once(chat: SlackChat, word: str) -> None:
    chat.workspace.directory.joined.add("CHUMANS")
    asked = await chat.say("U1", "C1", f"{chat.mention} 안녕")
    await chat.until_answered("안녕")
    before = len(chat.thread("U1", "C1", asked))
    bodies = chat.people.write("U1", "C1", f"{chat.mention} {word}", asked)
    await asyncio.gather(*(chat.send(body) for body in bodies))
    await chat.stack.slack.until(lambda: len(chat.thread("U1", "C1", asked)) == before + 2)
    for body in bodies:
        assert (await chat.send(body, retry=1)).status == 200
    await asyncio.sleep(0.5)
    assert len(chat.thread("U1", "C1", asked)) == before + 2
    assert len(chat.workspace.screen("U1", "CHUMANS")) == (word == "상담원")


async def test_a_question_is_asked_again_once_by_two_events(
    chat: SlackChat, server: EngineServer
) -> None:
    asked = await chat.say("U1", "C1", f"{chat.mention} 안녕")
    await chat.until_answered("안녕")
    server.reply = lambda _: "다른 답"
    await chat.say("U1", "C1", f"{chat.mention} 다시", thread_ts=asked)
    await chat.until_shown("U1", "C1", asked, "다른 답")
    assert len(server.requests) == 2
    assert not any("아직" in text for text in chat.thread("U1", "C1", asked))


async def test_a_question_is_asked_again_though_the_bot_that_took_it_was_killed(
    chat: SlackChat, server: EngineServer
) -> None:
    asked = await chat.say("U1", "C1", f"{chat.mention} 안녕")
    await chat.until_answered("안녕")
    server.reply = lambda _: "다른 답"
    bodies = chat.people.write("U1", "C1", f"{chat.mention} 다시", asked)
    event = f"message:C1:{bodies[0]['event']['ts']}"
    for key in (f"deed:{event}", f"command:{event}"):
        await chat.stack.execute(
            "INSERT INTO recent_events (messenger, tenant, key, event_key, received_at, until)"
            f" SELECT 'slack', tenant, '{key}', '', now(), now() + interval '10 minutes' FROM turns"
        )
    await asyncio.gather(*(chat.send(body) for body in bodies))
    await chat.until_shown("U1", "C1", asked, "다른 답")
    assert len(server.requests) == 2


async def test_a_late_repeat_asks_nothing_newer_again(
    chat: SlackChat, server: EngineServer
) -> None:
    asked = await chat.say("U1", "C1", f"{chat.mention} 안녕")
    await chat.until_answered("안녕")
    [body, *_] = chat.people.write("U1", "C1", f"{chat.mention} 다시", asked)
    await chat.send(body)
    await chat.say("U1", "C1", f"{chat.mention} 둘", thread_ts=asked)
    await chat.until_answered("둘")
    before = len(chat.thread("U1", "C1", asked))
    # Another bot does not know which events this one has handled.
    async with running_bot(chat.stack.configuration) as (chat.stack.url, _):
        assert (await chat.send(body, retry=1)).status == 200
    await asyncio.sleep(0.3)
    assert len(chat.thread("U1", "C1", asked)) == before
    assert len(server.requests) == 3


async def test_a_picture_for_the_human_gets_no_word_of_the_bot(chat: SlackChat) -> None:
    room = chat.direct("U1")
    chat.workspace.directory.joined.add("CHUMANS")
    asked = await chat.say("U1", room, "상담원")
    await chat.until_shown("U1", room, asked, "연결해")
    before = chat.thread("U1", room, asked)
    await chat.say("U1", room, "", thread_ts=asked, subtype="file_share", files=[{"id": "F1"}])
    await asyncio.sleep(0.5)
    assert chat.thread("U1", room, asked)[: len(before)] == before
    assert len(chat.thread("U1", room, asked)) == len(before) + 1


async def test_the_tabs_are_filled_when_they_are_opened(chat: SlackChat) -> None:
    await chat.send(chat.people.open_app("U1", "messages"))
    room = chat.direct("U1")
    await chat.stack.slack.until(lambda: room in chat.workspace.surfaces.prompts)
    assert not chat.workspace.state.violations
    await chat.send(chat.people.open_app("U1", "home"))
    await chat.stack.slack.until(lambda: "U1" in chat.workspace.views.homes)


async def test_the_status_is_shown_while_the_answer_is_written(
    chat: SlackChat, server: EngineServer
) -> None:
    server.reply = lambda _: LONG
    server.delay_per_token_s = 2 * BEGIN_AFTER_S
    asked = await chat.say("U1", "C1", f"{chat.mention} 길게")
    await chat.stack.slack.until(
        lambda: bool(chat.workspace.surfaces.status("C1", asked)), timeout_s=5
    )
    await chat.send(chat.people.stop("U1", "C1", asked))
    await chat.stack.until("SELECT 1 FROM turns WHERE status = 'cancelled'")


async def test_an_event_that_cannot_be_stored_is_sent_again(chat: SlackChat) -> None:
    [body] = chat.people.write("U1", chat.direct("U1"), "하나")
    async with chat.stack.database.begin() as connection:
        await connection.execute(text("LOCK TABLE conversations IN ACCESS EXCLUSIVE MODE"))
        assert (await chat.send(body)).status == 503
    assert (await chat.send(body, retry=1)).status == 200
    await chat.until_answered("하나")
    assert (await chat.send(body, retry=2)).status == 200
    assert len(await chat.stack.rows("SELECT 1 FROM turns")) == 1


async def test_a_500_after_the_post_is_looked_up_not_repeated(chat: SlackChat) -> None:
    chat.stack.slack.faults.once(Fault.CUT)
    asked = await chat.say("U1", "C1", f"{chat.mention} 하나")
    await chat.stack.until("SELECT 1 FROM deliveries WHERE state = 'unconfirmed'")
    assert len([text for text in chat.thread("U1", "C1", asked) if "에코" in text]) <= 1


async def test_a_slash_command_may_be_private_and_is_judged(chat: SlackChat) -> None:
    said, _, _ = await chat.stack.say_slack("private: 하나")
    assert "준비하고" in said.body["text"]
    post = await chat.stack.slack.next_post()
    assert post.message["response_type"] == "ephemeral"
    assert post.blocks[-1]["type"] == "context_actions"
    assert (await chat.until_answered("하나")).answer == "에코: 하나"


async def test_a_slash_command_asks_before_it_erases(chat: SlackChat) -> None:
    await chat.stack.say_slack("하나")
    await chat.until_answered("하나")
    said, _, _ = await chat.stack.say_slack("내 정보 삭제")
    assert said.body["blocks"][-1]["elements"][0]["action_id"] == ERASE_ACTION
    assert len(await chat.stack.rows("SELECT 1 FROM turns")) == 1


async def test_a_slash_command_is_asked_again_and_stopped(
    chat: SlackChat, server: EngineServer
) -> None:
    await chat.stack.say_slack("하나")
    await chat.until_answered("하나")
    server.reply = lambda _: LONG
    server.delay_per_token_s = 0.05
    await chat.stack.say_slack("다시")
    await chat.stack.until("SELECT 1 FROM turns WHERE status = 'generating'")
    said, _, _ = await chat.stack.say_slack("그만")
    assert said.body["text"] == "답변을 멈췄어요."
    await chat.stack.until("SELECT 1 FROM turns WHERE status = 'cancelled'")


async def test_a_stop_that_slack_sends_again_stops_nothing_newer(
    chat: SlackChat, server: EngineServer
) -> None:
    server.reply = lambda _: LONG
    server.delay_per_token_s = 0.05
    room = chat.direct("U1")
    asked = await chat.say("U1", room, "길게")
    await chat.stack.until("SELECT 1 FROM turns WHERE status = 'generating'")
    [stop] = chat.people.write("U1", room, "그만", asked)
    await chat.send(stop)
    await chat.stack.until("SELECT 1 FROM turns WHERE status = 'cancelled'")
    server.reply = lambda _: "새 답"
    server.delay_per_token_s = 0.5
    await chat.say("U1", room, "다음", thread_ts=asked)
    await chat.stack.until("SELECT 1 FROM turns WHERE text = '다음' AND status = 'generating'")
    assert (await chat.send(stop, retry=1)).status == 200
    assert (await chat.until_answered("다음")).status == "answered"


async def test_the_bot_says_nothing_about_a_human_s_messages(chat: SlackChat) -> None:
    chat.workspace.directory.joined.add("CHUMANS")
    asked = await chat.say("U1", "C1", f"{chat.mention} 안녕")
    await chat.until_answered("안녕")
    await chat.say("U1", "C1", "상담원", thread_ts=asked)
    await chat.until_shown("U1", "C1", asked, "연결해 드릴게요")
    before = chat.thread("U1", "C1", asked)
    await chat.say("U1", "C1", "", thread_ts=asked, subtype="file_share", files=[{"id": "F1"}])
    await chat.say("U1", "C1", "가" * 5000, thread_ts=asked)
    await chat.say("U1", "C1", "도움말", thread_ts=asked)
    await chat.until_shown("U1", "C1", asked, "이 말만 적어")
    after = [text for text in chat.thread("U1", "C1", asked) if text not in before]
    assert not any("사진" in text or "너무 길어요" in text for text in after)


async def test_a_press_is_answered_where_the_bot_may_not_post(chat: SlackChat) -> None:
    await chat.stack.say_slack("하나", user_id="U1", channel_id="C7")
    turn = await chat.until_answered("하나")
    payload = interactions.block_actions(
        "U1",
        {"type": "button", "action_id": ERASE_ACTION, "value": "erase", "block_id": "b"},
        channel="C7",
        message={"ts": "1700000000.000100"},
        response_url=chat.stack.slack.new_response_url(),
    )
    assert (await chat.interact(payload)).status == 200
    assert await chat.stack.rows(f"SELECT 1 FROM turns WHERE id = '{turn.id}'") == []
    answer = await chat.stack.slack.next_post(2)
    assert (answer.message["text"], answer.message["response_type"]) == (
        TEXTS["ko"].erase_done,
        "ephemeral",
    )
    # A URL of somebody else is not called.
    payload["response_url"] = "http://127.0.0.1:9/x"
    assert (await chat.interact(payload)).status == 200
