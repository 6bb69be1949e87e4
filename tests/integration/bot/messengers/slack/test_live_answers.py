"""Answers that people in Slack see being written."""

from __future__ import annotations

import asyncio

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from bot.messengers.slack import blocks
from bot.messengers.slack.controls import ERASE_ACTION
from bot.messengers.slack.live_answers import LiveAnswers
from bot.messengers.slack.simulated_workspace.errors import SlackError
from bot.messengers.slack.simulated_workspace.surfaces import Surfaces
from bot.store.delivery_claims import RECONCILE_DELAY_S
from bot.text.catalog import TEXTS
from fakes.engine_server import EngineServer
from fakes.faults import Fault
from tests.support.seen_statements import after_direct_statements
from tests.support.slack_chat import SlackChat
from tests.support.stack import SLACK_TOKEN, running_stack, served

LONG = "가나다라마바사아자차 " * 12


def growing(chat: SlackChat, user: str, room: str, root: str) -> list[str]:
    """The texts of the answer as they were seen, one after the other."""
    seen = chat.workspace.seen(user, room, root)
    return [without_notice(one.text) for one in seen if "가나다" in one.text]


def answers(chat: SlackChat, user: str, room: str, root: str) -> list[str]:
    """The answers that are on the screen at last."""
    return [without_notice(text) for text in chat.thread(user, room, root) if "가나다" in text]


def without_notice(text: str) -> str:
    return text.removesuffix(f"\n{TEXTS['ko'].ai_notice}")


async def ask_for_long(
    chat: SlackChat, server: EngineServer, *, repeats: int = 1, delay_s: float = 0.05
) -> tuple[str, str]:
    """Ask directly for a long answer that is written slowly: the room, and the question there."""
    server.reply = lambda _: (LONG * repeats).strip()
    server.delay_per_token_s = delay_s
    room = chat.direct("U1")
    return room, await chat.say("U1", room, "길게")


async def test_a_direct_answer_is_seen_growing_and_ends_as_the_log_has_it(
    chat: SlackChat, server: EngineServer
) -> None:
    room, asked = await ask_for_long(chat, server)
    turn = await chat.until_answered("길게")
    texts = growing(chat, "U1", room, asked)
    assert len(texts) >= 3
    assert all(turn.answer.startswith(shown) for shown in texts[:-1])
    screen = answers(chat, "U1", room, asked)
    assert screen == [turn.answer]
    [post] = await chat.stack.rows("SELECT * FROM posts")
    assert (post.state, post.part) == ("final", 0)
    # Ended with the rest: an edit would mark the message as edited.
    assert "chat.update" not in [call.method for call in chat.stack.slack.web_api.calls]
    message = chat.workspace.state.message(chat.workspace.directory.room(room), post.message_id)
    assert [block["type"] for block in message.blocks][-2:] == ["context", "context_actions"]


async def test_the_bot_that_writes_a_stream_ends_it_by_three_records(
    chat: SlackChat, server: EngineServer
) -> None:
    server.reply = lambda _: LONG.strip()
    server.delay_per_token_s = 0.02
    statements: list[str] = []
    with after_direct_statements(lambda statement, _: statements.append(statement)):
        await chat.say("U1", chat.direct("U1"), "길게")
        await chat.until_answered("길게")
    of_posts = [one.strip() for one in statements if "posts" in one and "settled" not in one]
    began, noted, recorded = of_posts
    assert began.startswith("INSERT INTO posts")
    assert noted.startswith("UPDATE posts")
    assert recorded.startswith("WITH recorded")


@pytest.mark.parametrize("taken", [True, False])
async def test_a_session_ends_with_its_stream(
    chat: SlackChat, server: EngineServer, monkeypatch: pytest.MonkeyPatch, *, taken: bool
) -> None:
    """By one call less, where Slack takes it."""
    refused = ["active"] if not taken else []

    def check(_: Surfaces, status: str) -> None:
        if status in refused:
            refused.remove(status)
            raise SlackError("invalid_arguments")

    monkeypatch.setattr(Surfaces, "check_session_status", check)
    room, asked = await ask_for_long(chat, server, delay_s=0.03)
    turn = await chat.until_answered("길게")
    await chat.stack.slack.until(
        lambda: chat.workspace.surfaces.sessions.get((room, asked)) == "active"
    )
    calls = [call.method for call in chat.stack.slack.web_api.calls]
    assert calls.count("agents.sessions.setStatus") == (1 if taken else 2)
    assert "chat.update" not in calls
    assert answers(chat, "U1", room, asked) == [turn.answer]


async def test_a_stream_that_another_bot_has_replaced_is_not_shown_anew(
    chat: SlackChat, server: EngineServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    room, asked = await ask_for_long(chat, server)
    begun = await chat.until_shown("U1", room, asked, "가나다")
    monkeypatch.setattr(LiveAnswers, "stream", lambda *_: begun)
    chat.people.delete(room, begun)
    await chat.stack.execute("UPDATE posts SET state = 'final', message_id = '9.000009'")
    await chat.until_answered("길게")
    assert answers(chat, "U1", room, asked) == []
    [delivery] = await chat.stack.rows("SELECT * FROM deliveries")
    assert delivery.detail == "shown before"


async def test_an_end_without_an_answer_is_mended_by_an_edit(
    chat: SlackChat, server: EngineServer
) -> None:
    chat.stack.slack.web_api.faults["chat.stopStream"].once(Fault.CUT)
    room, asked = await ask_for_long(chat, server)
    turn = await chat.until_answered("길게")
    assert answers(chat, "U1", room, asked) == [turn.answer]
    assert [call.method for call in chat.stack.slack.web_api.calls].count("chat.update") == 1


async def test_the_end_waits_for_a_call_of_the_writer_that_is_under_way(
    chat: SlackChat, server: EngineServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another bot's may come late: the message would show a beginning for ever."""
    monkeypatch.setattr(LiveAnswers, "stream", lambda *_: None)
    room, asked = await ask_for_long(chat, server)
    await chat.until_shown("U1", room, asked, "가나다")
    held_until = asyncio.get_running_loop().time() + 3.5
    await chat.stack.execute("UPDATE posts SET writer_until = now() + interval '3.5 s'")
    server.delay_per_token_s = 0.0
    turn = await chat.until_answered("길게")
    await chat.stack.slack.web_api.next_call("chat.stopStream")
    assert asyncio.get_running_loop().time() >= held_until - 0.2
    await chat.until_shown("U1", room, asked, turn.answer[-8:])
    assert answers(chat, "U1", room, asked) == [turn.answer]


async def test_refused_buttons_do_not_keep_a_stream_open(
    chat: SlackChat, server: EngineServer
) -> None:
    chat.workspace.rules.refused_block_types = {"context_actions"}
    room, asked = await ask_for_long(chat, server)
    turn = await chat.until_answered("길게")
    assert answers(chat, "U1", room, asked) == [turn.answer]
    [post] = await chat.stack.rows("SELECT * FROM posts")
    message = chat.workspace.state.message(chat.workspace.directory.room(room), post.message_id)
    assert message.stream is None
    assert message.blocks[-1]["type"] == "actions"


async def test_a_stream_that_cannot_start_leaves_one_post(
    chat: SlackChat, server: EngineServer
) -> None:
    chat.stack.slack.web_api.faults["chat.startStream"].once(Fault.RATE_LIMITED)
    room, asked = await ask_for_long(chat, server, delay_s=0.03)
    turn = await chat.until_answered("길게")
    assert answers(chat, "U1", room, asked) == [turn.answer]


async def test_a_start_without_an_answer_shows_nothing_twice(
    chat: SlackChat, server: EngineServer
) -> None:
    chat.stack.slack.web_api.faults["chat.startStream"].once(Fault.CUT)
    room, asked = await ask_for_long(chat, server, delay_s=0.03)
    turn = await chat.until_answered("길게")
    assert answers(chat, "U1", room, asked) == [turn.answer]


async def test_a_note_that_postgres_lost_is_looked_up(
    chat: SlackChat, server: EngineServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And its bot died, too: the note waits for no disk."""
    monkeypatch.setattr(LiveAnswers, "stream", lambda *_: None)
    room, asked = await ask_for_long(chat, server)
    begun = await chat.until_shown("U1", room, asked, "가나다")
    async with asyncio.timeout(30):
        while await chat.stack.rows("SELECT * FROM posts WHERE message_id IS NULL"):
            await asyncio.sleep(0.01)
    await chat.stack.execute("UPDATE posts SET state = 'starting', message_id = NULL")
    turn = await chat.until_answered("길게")
    assert answers(chat, "U1", room, asked) == [turn.answer]
    [post] = await chat.stack.rows("SELECT * FROM posts")
    assert (post.state, post.message_id) == ("final", begun)


async def test_a_lookup_that_fails_after_the_quiet_time_is_made_again(
    chat: SlackChat, server: EngineServer
) -> None:
    """Else the answer would be posted anew, and the stream grow for ever."""
    chat.stack.slack.web_api.faults["chat.startStream"].once(Fault.CUT)
    room, asked = await ask_for_long(chat, server)
    await chat.until_shown("U1", room, asked, "가나다")
    age_s = RECONCILE_DELAY_S + 5
    await chat.stack.execute(f"UPDATE posts SET created_at = now() - interval '{age_s} s'")
    chat.stack.slack.web_api.faults["conversations.replies"].once(Fault.SERVER_ERROR)
    turn = await chat.until_answered("길게")
    assert answers(chat, "U1", room, asked) == [turn.answer]


async def test_a_piece_without_an_answer_is_shown_once_at_the_end(
    chat: SlackChat, server: EngineServer
) -> None:
    chat.stack.slack.web_api.faults["chat.appendStream"].once(Fault.CUT)
    room, asked = await ask_for_long(chat, server)
    turn = await chat.until_answered("길게")
    assert answers(chat, "U1", room, asked) == [turn.answer]


async def test_a_stream_that_slack_ends_goes_on_by_edits(
    chat: SlackChat, server: EngineServer
) -> None:
    chat.workspace.rules.stream_lifetime_s = 1.0
    room, asked = await ask_for_long(chat, server, repeats=2, delay_s=0.1)
    turn = await chat.until_answered("길게")
    assert answers(chat, "U1", room, asked) == [turn.answer]
    calls = [call.method for call in chat.stack.slack.web_api.calls]
    assert calls.count("chat.update") >= 2


async def test_in_a_channel_the_answer_is_posted_once(
    chat: SlackChat, server: EngineServer
) -> None:
    server.reply = lambda _: LONG.strip()
    server.delay_per_token_s = 0.03
    asked = await chat.say("U1", "C1", f"{chat.mention} 길게")
    await chat.until_answered("길게")
    assert len(growing(chat, "U1", "C1", asked)) == 1


async def test_in_a_channel_the_answer_may_grow_by_edits(database_url: str, redis_url: str) -> None:
    async with (
        served() as (server, engine),
        running_stack(
            database_url,
            redis_url,
            engine,
            slack_bot_token=SecretStr(SLACK_TOKEN),
            slack_channel_answers="edits",
        ) as stack,
    ):
        chat = SlackChat(stack)
        server.reply = lambda _: (LONG * 2).strip()
        server.delay_per_token_s = 0.1
        asked = await chat.say("U1", "C1", f"{chat.mention} 길게")
        turn = await chat.until_answered("길게")
        texts = growing(chat, "U2", "C1", asked)
        assert len(texts) >= 3
        assert answers(chat, "U2", "C1", asked) == [turn.answer]


async def test_a_long_answer_becomes_several_messages(
    chat: SlackChat, server: EngineServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "MAX_MARKDOWN_CHARS", 600)
    paragraphs = "\n\n".join(f"{number}. " + "가나다라마바사 " * 20 for number in range(5))
    server.reply = lambda _: paragraphs
    room = chat.direct("U1")
    asked = await chat.say("U1", room, "아주 길게")
    await chat.until_answered("아주 길게")
    shown = answers(chat, "U1", room, asked)
    assert len(shown) == 3
    assert "".join("".join(shown).split()) == "".join(paragraphs.split())
    posts = await chat.stack.rows("SELECT part, state FROM posts ORDER BY part")
    assert [(post.part, post.state) for post in posts] == [(n, "final") for n in range(3)]


async def test_an_answer_that_is_found_again_is_noted_as_shown(chat: SlackChat) -> None:
    chat.stack.slack.faults.once(Fault.CUT)
    asked = await chat.say("U1", "C1", f"{chat.mention} 어디?")
    await chat.stack.until("SELECT * FROM deliveries WHERE state = 'unconfirmed'")
    async with chat.stack.database.begin() as connection:
        await connection.execute(text("UPDATE deliveries SET trace_at = now()"))
    await chat.until_answered("어디?")
    [post] = await chat.stack.rows("SELECT * FROM posts")
    assert post.state == "final"
    assert post.message_id in chat.workspace.screen("U1", "C1", asked)


async def test_an_answer_never_takes_the_message_of_another_that_begins_alike(
    chat: SlackChat, server: EngineServer
) -> None:
    server.reply = lambda messages: (LONG * (3 if "둘" in messages[-1]["content"] else 1)).strip()
    server.delay_per_token_s = 0.05
    chat.stack.slack.web_api.faults["chat.startStream"].once(Fault.DROPPED)
    room = chat.direct("U1")
    first = await chat.say("U1", room, "하나")
    await chat.say("U1", room, "둘", thread_ts=first)
    turns = [await chat.until_answered(question) for question in ("하나", "둘")]
    screen = answers(chat, "U1", room, first)
    assert sorted(screen) == sorted(turn.answer for turn in turns)


async def until_nothing_is_written() -> None:
    """Wait until this process writes no live answer any more."""
    async with asyncio.timeout(10):
        while any(task.get_name() == "slack live answer" for task in asyncio.all_tasks()):
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("refusal", ["edit_window_closed", "cant_update_message"])
async def test_an_answer_that_cannot_be_changed_any_more_is_shown_whole_and_once(
    chat: SlackChat, server: EngineServer, refusal: str
) -> None:
    chat.workspace.rules.refusal_of_edits = refusal
    room, asked = await ask_for_long(chat, server, delay_s=0.03)
    turn = await chat.until_answered("길게")
    assert answers(chat, "U1", room, asked) == [turn.answer]


async def test_the_stream_of_an_erased_turn_is_taken_back(
    chat: SlackChat, server: EngineServer
) -> None:
    server.reply = lambda _: LONG * 20
    server.delay_per_token_s = 0.05
    room = chat.direct("U1")
    asked = await chat.say("U1", room, "길게")
    await chat.until_shown("U1", room, asked, "가나다")
    await chat.say("U1", room, "내 정보 삭제", thread_ts=asked)
    question = await chat.until_shown("U1", room, asked, "지울까요")
    await chat.press("U1", room, question, ERASE_ACTION, "erase")
    await until_nothing_is_written()
    await until_taken_back(chat, room, asked)
    assert await chat.stack.rows("SELECT 1 FROM turns") == []


async def until_taken_back(chat: SlackChat, room: str, asked: str) -> None:
    async with asyncio.timeout(5):
        while answers(chat, "U1", room, asked):
            await asyncio.sleep(0.05)


async def test_what_a_dead_bot_began_for_an_erased_turn_is_taken_back(
    chat: SlackChat, server: EngineServer
) -> None:
    server.reply = lambda _: LONG.strip()
    room = chat.direct("U1")
    asked = await chat.say("U1", room, "길게")
    await chat.until_answered("길게")
    async with chat.stack.database.begin() as connection:
        await connection.execute(text("UPDATE posts SET state = 'writing'"))
    await chat.say("U1", room, "내 정보 삭제", thread_ts=asked)
    question = await chat.until_shown("U1", room, asked, "지울까요")
    await chat.press("U1", room, question, ERASE_ACTION, "erase")
    await until_taken_back(chat, room, asked)


async def test_a_pause_that_slack_asks_for_ends_with_the_answer(
    chat: SlackChat, server: EngineServer
) -> None:
    faults = chat.stack.slack.web_api.faults["chat.appendStream"]
    faults.retry_after_s, faults.always = 100_000, Fault.RATE_LIMITED
    room, asked = await ask_for_long(chat, server)
    turn = await chat.until_answered("길게")
    assert answers(chat, "U1", room, asked) == [turn.answer]
    await until_nothing_is_written()
