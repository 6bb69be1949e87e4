"""Buttons and words beyond a question: going on, judging, calling a human, another bot."""

from __future__ import annotations

import asyncio
import json
from uuid import uuid4

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from bot.messengers.kakao.platform_limits import check_skill_response
from bot.messengers.kakao.simulated_requests import skill_request
from bot.messengers.kakao.words import WORDS
from bot.text.catalog import TEXTS
from tests.integration.bot.messengers.kakao.conftest import KakaoChat, running_chat
from tests.support.stack import KAKAO_SECRET, SYNC_BUDGET_S

KO, WORDS_KO = TEXTS["ko"], WORDS["ko"]
LONG = "하나 둘 셋 넷 다섯 여섯 일곱 여덟 아홉 열"


async def cut_answer(chat: KakaoChat, question: str = "열까지 세어 줘") -> None:
    """The newest answer becomes one that the model did not finish."""
    await chat.say(question)
    await chat.stack.until(f"SELECT 1 FROM turns WHERE text = '{question}' AND status = 'answered'")
    async with chat.stack.database.begin() as connection:
        await connection.exec_driver_sql(
            f"UPDATE turns SET finish_reason = 'length' WHERE text = '{question}'"
        )


@pytest.mark.parametrize("typed", [True, False])
async def test_a_cut_answer_goes_on_as_a_turn_of_its_own(chat: KakaoChat, typed: bool) -> None:
    await cut_answer(chat)
    [cut] = await chat.stack.rows("SELECT * FROM turns")
    extra = None if typed else {"continue_turn": str(cut.id)}
    chat.server.reply = lambda messages: f" 뒤 {messages[-1]['content']}"
    said = await chat.say("계속", extra=extra)
    assert said.bubbles == ["뒤 에코: 열까지 세어 줘"]
    turn = await chat.stack.until("SELECT * FROM turns WHERE continues IS NOT NULL")
    assert (turn.continues, turn.text) == (cut.id, "계속")
    request = chat.server.requests[-1]
    assert request.roles == ["system", "user", "assistant"]
    assert request.body["continue_final_message"] is True
    await chat.say("고마워")
    roles = ["system", *["user", "assistant"] * 2, "user"]
    assert chat.server.requests[-1].roles == roles
    assert chat.server.requests[-1].contents[3] == WORDS_KO.continue_prompt


async def test_an_answer_goes_on_again_where_its_rest_was_cut_or_is_not_liked(
    chat: KakaoChat,
) -> None:
    await cut_answer(chat)
    chat.server.reply = lambda _: "넷, 다섯"
    await chat.say("계속")
    again = await chat.say("다시")
    assert again.bubbles == ["넷, 다섯"]
    assert chat.server.requests[-1].contents[-1] == "에코: 열까지 세어 줘"
    async with chat.stack.database.begin() as connection:
        await connection.exec_driver_sql("UPDATE turns SET finish_reason = 'length'")
    await chat.say("계속")
    assert chat.server.requests[-1].roles == ["system", *["user", "assistant"] * 2]
    assert chat.server.requests[-1].contents[-1] == "넷, 다섯"


async def test_an_answer_that_was_thought_out_first_is_asked_for_its_rest(chat: KakaoChat) -> None:
    await cut_answer(chat)
    async with chat.stack.database.begin() as connection:
        await connection.exec_driver_sql("UPDATE turns SET reasoning = '음'")
    assert (await chat.say("계속")).bubbles == [f"에코: {WORDS_KO.continue_prompt}"]
    assert chat.server.requests[-1].roles == ["system", "user", "assistant", "user"]


@pytest.mark.parametrize(
    ("cut", "rest", "seen"),
    [
        ("안녕하", "세요. 반가워요.", "세요. 반가워요."),
        ("서울의", " **명소**는 많아요.", "명소는 많아요."),
        ("1. 사과\n2.", " 바나나\n3. 체리", "바나나\n3. 체리"),
        ("예:\n\n```python\nx = 1", "\ny = x**2\n```\n**끝**", "y = x**2\n\n끝"),
    ],
)
async def test_the_rest_of_an_answer_is_seen_as_text_of_its_own(
    chat: KakaoChat, cut: str, rest: str, seen: str
) -> None:
    chat.server.reply = lambda messages: cut if messages[-1]["role"] == "user" else rest
    await cut_answer(chat)
    assert "\n".join((await chat.say("계속")).bubbles) == seen


async def test_the_typed_word_is_a_question_where_nothing_was_cut(chat: KakaoChat) -> None:
    assert (await chat.say("계속")).bubbles == ["에코: 계속"]
    await chat.say("안녕")
    assert (await chat.say("계속")).bubbles == ["에코: 계속"]
    assert not await chat.stack.rows("SELECT 1 FROM turns WHERE continues IS NOT NULL")


async def test_an_unfinished_answer_goes_on_after_its_judgement(chat: KakaoChat) -> None:
    chat.server.reply = lambda _: LONG
    chat.stack.set_kakao_sync_budget(0.0)
    await cut_answer(chat)
    first = await chat.say("답변 확인")
    assert first.quick_replies[0]["label"] == "계속"
    asked = await chat.press(first, "👎")
    thanked = await chat.press(asked, KO.reasons["wrong"])
    assert [reply["label"] for reply in thanked.quick_replies] == ["계속", "새 대화", "도움말"]
    chat.stack.set_kakao_sync_budget(SYNC_BUDGET_S)
    assert (await chat.press(thanked, "계속")).bubbles == [LONG]
    assert await chat.stack.rows("SELECT 1 FROM turns WHERE continues IS NOT NULL")


async def test_an_earlier_answer_does_not_go_on(chat: KakaoChat) -> None:
    await cut_answer(chat)
    [cut] = await chat.stack.rows("SELECT * FROM turns")
    await chat.say("다른 이야기")
    said = await chat.say("계속", extra={"continue_turn": str(cut.id)})
    assert said.bubbles == [WORDS_KO.nothing_to_continue]


@pytest.mark.parametrize("bot_id", ["", "another-bot"])
async def test_a_press_that_names_anothers_turn_changes_nothing_and_is_logged(
    chat: KakaoChat, bot_id: str
) -> None:
    await cut_answer(chat)
    [mine] = await chat.stack.rows("SELECT * FROM turns")
    headers = {"X-Bot-Secret": KAKAO_SECRET, "Content-Type": "application/json"}
    name = str(mine.id)
    for extra in (
        {"fetch_turn": name},
        {"page_turn": name, "page": 1},
        {"continue_turn": name},
        {"turn": name, "vote": "bad", "reason": "wrong"},
    ):
        # The same person's in another bot, or another person's in the same bot.
        user = chat.user if bot_id else "영희"
        document = skill_request("단추", user, extra=extra, bot_id=bot_id)
        with capture_logs() as logs:
            said = await chat.stack.post("/webhooks/kakao", json.dumps(document).encode(), headers)
        assert "에코" not in str(said.body)
        assert [line["turn_id"] for line in logs if "foreign" in line["event"]] == [name]
    assert await chat.stack.rows("SELECT * FROM turns") == [mine]
    assert not await chat.stack.rows("SELECT 1 FROM feedback")


async def test_a_vote_may_change_and_a_foreign_one_counts_nothing(chat: KakaoChat) -> None:
    first = await chat.say("안녕")
    assert (await chat.press(first, "👍")).bubbles == [KO.vote_thanks]
    await chat.press(first, "👎")
    vote = "SELECT vote FROM feedback"
    assert [row.vote for row in await chat.stack.rows(vote)] == ["bad"]
    stranger = KakaoChat(chat.stack, chat.server, user="영희")
    with capture_logs() as logs:
        assert (await stranger.press(first, "👍")).bubbles == [KO.vote_unknown]
    assert [line["event"] for line in logs if "vote" in line["event"]] == ["foreign_vote"]
    made_up = {"vote": "good", "turn": str(uuid4())}
    assert (await chat.say("👍", extra=made_up)).bubbles == [KO.vote_unknown]
    assert [row.vote for row in await chat.stack.rows(vote)] == ["bad"]


async def test_while_a_human_answers_the_model_is_not_asked(chat: KakaoChat) -> None:
    called = await chat.say("상담원")
    check_skill_response(called.body)
    [output] = called.body["template"]["outputs"]
    assert output["textCard"]["buttons"] == [{"action": "operator", "label": "상담원 연결"}]
    silent = await chat.say("환불해 주세요")
    assert silent.bubbles == [WORDS_KO.human_awaited]
    # Nobody comes before Kakao's button is pressed: it is offered again.
    [output] = silent.body["template"]["outputs"]
    assert output["textCard"]["buttons"] == [{"action": "operator", "label": "상담원 연결"}]
    for text in ("https://talk.kakaocdn.net/dn/a/b/img.jpg", "\u200b", "가" * 5000):
        assert (await chat.say(text)).bubbles == [WORDS_KO.human_awaited]
    assert not chat.server.requests
    assert (await chat.press(silent, "챗봇")).bubbles == [KO.bot_back]
    assert (await chat.say("고마워요")).bubbles == ["에코: 고마워요"]
    events = await chat.stack.rows(
        "SELECT kind FROM conversation_events WHERE kind LIKE 'human%' ORDER BY id"
    )
    assert [event.kind for event in events] == ["human_called", "human_left"]


async def test_a_conversation_after_a_long_silence_begins_anew_and_says_so(
    chat: KakaoChat,
) -> None:
    await chat.say("내 이름은 영희야")
    async with chat.stack.database.begin() as connection:
        await connection.exec_driver_sql(
            "UPDATE conversations SET updated_at = now() - interval '25 hours'"
        )
    said = await chat.say("내 이름이 뭐지?")
    assert said.bubbles == [KO.idle_note, "에코: 내 이름이 뭐지?"]
    assert chat.server.requests[-1].roles == ["system", "user"]
    assert (await chat.say("또 물을게")).bubbles == ["에코: 또 물을게"]


@pytest.mark.parametrize("word", ["다시", "계속"])
async def test_after_a_long_silence_an_answer_goes_on_where_it_was(
    chat: KakaoChat, word: str
) -> None:
    await chat.say("내 이름은 영희야")
    await cut_answer(chat, "내 이름이 뭐지?")
    async with chat.stack.database.begin() as connection:
        await connection.exec_driver_sql(
            "UPDATE conversations SET updated_at = now() - interval '25 hours'"
        )
    assert KO.idle_note not in (await chat.say(word)).bubbles
    assert "내 이름은 영희야" in chat.server.requests[-1].contents


@pytest.mark.parametrize("word", ["다시", "그만", "답변 확인"])
async def test_a_command_without_anything_to_do_is_a_sentence(chat: KakaoChat, word: str) -> None:
    sentences = {"다시": KO.nothing_again, "그만": KO.nothing_to_stop, "답변 확인": KO.nothing_held}
    said = await chat.say(word)
    assert said.bubbles == [sentences[word]]
    assert [reply["label"] for reply in said.quick_replies] == ["새 대화", "도움말"]
    assert not await chat.stack.rows("SELECT 1 FROM turns")


async def test_every_command_of_the_help_is_a_button_that_does_it(chat: KakaoChat) -> None:
    helped = await chat.say("/도움말")
    labels = [reply["label"] for reply in helped.quick_replies]
    assert labels == ["새 대화", "다시", "그만", "답변 확인", "내 정보 삭제"]
    assert (await chat.press(helped, "내 정보 삭제")).bubbles == [KO.erase_confirm]
    assert (await chat.press(helped, "새 대화")).bubbles == [KO.reset_done]


async def test_a_picture_is_declined_without_a_turn(chat: KakaoChat) -> None:
    said = await chat.say("https://talk.kakaocdn.net/dn/a/b/img.jpg?credential=x")
    assert said.bubbles == [WORDS_KO.picture_declined]
    assert not await chat.stack.rows("SELECT 1 FROM turns")


async def test_each_bot_has_its_own_secret_and_its_own_conversations(
    database_url: str, redis_url: str
) -> None:
    secrets = SecretStr(f"a:{'x' * 32},b:{'y' * 32}")
    async with running_chat(database_url, redis_url, kakao_bot_secrets=secrets) as chat:

        async def say(bot_id: str, secret: str) -> int:
            body = json.dumps(skill_request("안녕", bot_id=bot_id)).encode()
            headers = {"X-Bot-Secret": secret, "Content-Type": "application/json"}
            return (await chat.stack.post("/webhooks/kakao", body, headers)).status

        statuses = {
            (bot_id, secret[0]): await say(bot_id, secret)
            for bot_id in ("a", "b", "c")
            for secret in ("x" * 32, "y" * 32, KAKAO_SECRET)
        }
        assert [key for key, status in statuses.items() if status == 200] == [
            ("a", "x"),
            ("b", "y"),
            ("c", "k"),
        ]
        assert set(statuses.values()) == {200, 401}
        tenants = await chat.stack.rows("SELECT DISTINCT tenant FROM turns ORDER BY 1")
        assert [row.tenant for row in tenants] == ["a", "b", "c"]


@pytest.mark.parametrize("word", ["다시", "계속"])
@pytest.mark.parametrize("by_callback", [True, False])
async def test_two_presses_at_once_have_one_new_answer(
    chat: KakaoChat, word: str, by_callback: bool
) -> None:
    await cut_answer(chat)
    chat.server.delay_per_token_s = 0.06
    platform = chat.stack.kakao
    urls = [platform.new_callback_url() if by_callback else None for _ in range(3)]
    pressed = await asyncio.gather(*(chat.say(word, callback_url=url) for url in urls))
    assert len(chat.server.requests) == 2
    assert len(await chat.stack.rows("SELECT 1 FROM turns")) == 2
    assert all(said.outputs for said in pressed)


@pytest.mark.parametrize("word", ["다시", "계속"])
async def test_a_press_that_could_not_be_accepted_is_taken_when_it_is_sent_again(
    chat: KakaoChat, word: str
) -> None:
    await cut_answer(chat)
    url = chat.stack.kakao.new_callback_url()
    await chat.stack.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$BEGIN RAISE EXCEPTION 'not now' USING ERRCODE = '57P03'; END$$"
    )
    await chat.stack.execute(
        "CREATE TRIGGER refuse BEFORE INSERT ON turns EXECUTE FUNCTION refuse()"
    )
    refused = await chat.say(word, callback_url=url)
    assert await chat.stack.rows("SELECT count(*) FROM turns HAVING count(*) = 1")
    await chat.stack.execute("DROP TRIGGER refuse ON turns")
    taken = await chat.say(word, callback_url=url)
    assert taken.outputs != refused.outputs
    await chat.stack.until("SELECT 1 FROM turns WHERE status = 'answered' AND seq > 1")
    again = await chat.say(word, callback_url=url)
    assert TEXTS["ko"].conversation_full not in str(again.outputs)
    assert len(await chat.stack.rows("SELECT 1 FROM turns")) == 2
