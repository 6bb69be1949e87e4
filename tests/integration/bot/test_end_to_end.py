"""The main job, all the way: webhook, store, queue, worker, delivery, on real parts."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text

from bot import app_keys
from bot.store.deliveries import AGAIN_AFTER_S
from fakes.engine_server import EngineServer
from fakes.faults import Fault
from inference_queue.presets import PRESETS
from tests.support.stack import Stack, running_stack, served


@pytest.fixture
async def parts(database_url: str, redis_url: str) -> AsyncIterator[tuple[Stack, EngineServer]]:
    async with contextlib.AsyncExitStack() as exits:
        server, engine = await exits.enter_async_context(served())
        stack = await exits.enter_async_context(running_stack(database_url, redis_url, engine))
        yield stack, server


@pytest.fixture
async def hasty(database_url: str, redis_url: str) -> AsyncIterator[tuple[Stack, EngineServer]]:
    """The same with so small a sync budget that the other ways are taken."""
    async with (
        served() as made,
        running_stack(database_url, redis_url, made[1], kakao_sync_budget_s=0.3) as stack,
    ):
        yield stack, made[0]


async def another_turn_is_delivered(stack: Stack) -> None:
    """Whatever was due before has been dispatched by then."""
    await stack.say_slack("그다음", user_id="UNEXT")
    await stack.until(
        "SELECT 1 FROM deliveries d JOIN turns t ON t.id = d.turn_id "
        "WHERE t.text = '그다음' AND d.state = 'delivered'",
        20,
    )


async def test_kakao_is_answered_in_the_response_itself(
    parts: tuple[Stack, EngineServer],
) -> None:
    stack, _ = parts
    said = await stack.say_kakao("안녕하세요?")
    assert said.status == 200
    assert said.bubbles[0] == "에코: 안녕하세요?"
    delivery = await stack.until("SELECT * FROM deliveries WHERE state = 'delivered'")
    assert delivery.via == "sync"
    turn = await stack.until("SELECT * FROM turns")
    assert (turn.status, turn.text, turn.answer) == ("answered", "안녕하세요?", "에코: 안녕하세요?")
    assert turn.model == PRESETS["bllossom-8b"].model
    assert turn.prompt_tokens
    assert turn.completion_tokens


async def test_the_third_prompt_carries_the_first_two_turns(
    parts: tuple[Stack, EngineServer],
) -> None:
    stack, server = parts
    for said in ("내 이름은 영희야", "나는 부산에 살아", "내가 어디 살지?"):
        await stack.say_kakao(said)
    prompt = server.requests[-1]
    assert prompt.roles == ["system", "user", "assistant", "user", "assistant", "user"]
    assert prompt.contents == [
        PRESETS["bllossom-8b"].system_prompt,
        "내 이름은 영희야",
        "에코: 내 이름은 영희야",
        "나는 부산에 살아",
        "에코: 나는 부산에 살아",
        "내가 어디 살지?",
    ]


async def test_people_do_not_see_each_others_conversation(
    parts: tuple[Stack, EngineServer],
) -> None:
    stack, server = parts
    await stack.say_kakao("비밀번호는 1234", user="철수")
    await stack.say_kakao("뭐라고 했지?", user="영희")
    assert server.requests[-1].roles == ["system", "user"]


async def test_a_reset_keeps_the_log_and_clears_the_prompt(
    parts: tuple[Stack, EngineServer],
) -> None:
    stack, server = parts
    await stack.say_kakao("내 이름은 영희야")
    said = await stack.say_kakao("/초기화")
    assert said.bubbles == [stack.app[app_keys.TEXTS].reset_done]
    await stack.say_kakao("내 이름이 뭐지?")
    assert server.requests[-1].roles == ["system", "user"]
    assert len(await stack.rows("SELECT 1 FROM turns")) == 2


async def test_a_replayed_slack_reset_changes_nothing(parts: tuple[Stack, EngineServer]) -> None:
    """Whoever recorded a genuine reset cannot take a person's history again."""
    stack, server = parts
    _, body, headers = await stack.say_slack("초기화")
    await stack.say_slack("내 이름은 영희야")
    await stack.slack.next_post()
    again = await stack.post("/webhooks/slack/commands", body, headers)
    assert stack.app[app_keys.TEXTS].reset_done in str(again.body)
    await stack.say_slack("내 이름이 뭐지?")
    await stack.slack.next_post(count=2)
    assert "내 이름은 영희야" in server.requests[-1].contents
    await stack.say_slack("초기화")
    await stack.say_slack("그럼 지금은?")
    await stack.slack.next_post(count=3)
    assert server.requests[-1].roles == ["system", "user"]


async def test_a_replayed_kakao_reset_changes_nothing(parts: tuple[Stack, EngineServer]) -> None:
    stack, server = parts
    url = stack.kakao.new_callback_url()
    await stack.say_kakao("/초기화", callback_url=url)
    await stack.say_kakao("내 이름은 영희야")
    await stack.say_kakao("/초기화", callback_url=url)
    await stack.say_kakao("내 이름이 뭐지?")
    assert "내 이름은 영희야" in server.requests[-1].contents


async def test_the_same_short_words_after_their_answer_are_answered_again(
    parts: tuple[Stack, EngineServer],
) -> None:
    stack, server = parts
    assert (await stack.say_kakao("ㅋㅋ")).bubbles[0] == "에코: ㅋㅋ"
    await stack.until("SELECT 1 FROM deliveries WHERE state = 'delivered'")
    assert (await stack.say_kakao("ㅋㅋ")).bubbles[0] == "에코: ㅋㅋ"
    assert len(server.requests) == 2


async def test_a_lost_history_window_is_rebuilt_from_postgres(
    parts: tuple[Stack, EngineServer],
) -> None:
    stack, server = parts
    await stack.say_kakao("하나")
    await stack.app[app_keys.REDIS].flushdb()
    await stack.say_kakao("둘")
    assert server.requests[-1].contents[1:] == ["하나", "에코: 하나", "둘"]
    [key] = await stack.app[app_keys.REDIS].keys("bllossom:history:*")
    await stack.app[app_keys.REDIS].rpop(key)
    await stack.say_kakao("셋")
    assert server.requests[-1].contents[1:] == ["하나", "에코: 하나", "둘", "에코: 둘", "셋"]


async def test_the_prompt_holds_the_answer_that_was_shown_where_a_crash_undid_an_earlier_one(
    parts: tuple[Stack, EngineServer],
) -> None:
    stack, server = parts
    await stack.say_kakao("하나")
    # The same turn, answered once more; of this the window in Redis never heard.
    async with stack.database.begin() as connection:
        await connection.execute(
            text("UPDATE turns SET answer = '다른 답', settled_at = settled_at + interval '9 ms'")
        )
    for asked in ("둘", "셋"):
        await stack.say_kakao(asked)
        assert server.requests[-1].contents[1:3] == ["하나", "다른 답"]
    [key] = await stack.app[app_keys.REDIS].keys("bllossom:history:*")
    assert await stack.app[app_keys.REDIS].llen(key) == 3


async def test_a_slow_answer_comes_by_callback_byte_for_byte(
    hasty: tuple[Stack, EngineServer],
) -> None:
    stack, server = hasty
    server.delay_per_token_s = 0.15
    server.reply = lambda _: "오늘 서울은 맑고 내일은 비가 와요."
    url = stack.kakao.new_callback_url()
    said = await stack.say_kakao("날씨 알려 줘", callback_url=url)
    assert said.will_call_back
    assert "template" not in said.body
    post = await stack.kakao.next_post()
    assert post.texts[-1] == "오늘 서울은 맑고 내일은 비가 와요."
    assert stack.kakao.shown == [post]
    assert url.endswith(post.path_qs)
    delivery = await stack.until("SELECT * FROM deliveries WHERE state = 'delivered'")
    assert (delivery.via, delivery.attempts) == ("callback", 1)


async def test_without_a_callback_the_button_fetches_exactly_that_turn_once(
    hasty: tuple[Stack, EngineServer],
) -> None:
    stack, server = hasty
    server.delay_per_token_s = 0.15
    server.reply = lambda _: "천천히 생각해 보니 답은 마흔둘이에요."
    held = await stack.say_kakao("답이 뭐야?")
    texts = stack.app[app_keys.TEXTS]
    assert held.bubbles == [texts.held_ready_soon]
    assert held.button["label"] == "답변 확인"
    await stack.until("SELECT 1 FROM turns WHERE status = 'answered'")
    server.delay_per_token_s = 0
    other = await stack.say_kakao("답변 확인", user="영희", extra=held.button["extra"])
    assert other.bubbles == [texts.held_expired]
    fetched = await stack.say_kakao("답변 확인", extra=held.button["extra"])
    assert fetched.bubbles[0] == "천천히 생각해 보니 답은 마흔둘이에요."
    again = await stack.say_kakao("답변 확인", extra=held.button["extra"])
    assert again.bubbles == [texts.held_delivered_already]
    # The first response may have been lost: who comes back later has not seen it.
    async with stack.database.begin() as connection:
        await connection.execute(
            text("UPDATE deliveries SET updated_at = updated_at - make_interval(secs => :s)"),
            {"s": AGAIN_AFTER_S},
        )
    later = await stack.say_kakao("답변 확인", extra=held.button["extra"])
    assert later.bubbles[0] == "천천히 생각해 보니 답은 마흔둘이에요."
    [noted] = await stack.rows(
        "SELECT state FROM delivery_attempts WHERE detail = 'asked for again'"
    )
    assert noted.state == "delivered"
    assert len(await stack.rows("SELECT 1 FROM turns")) == 1


async def test_claimed_answer_that_was_never_sent_is_not_called_delivered(
    parts: tuple[Stack, EngineServer],
) -> None:
    stack, _ = parts
    await stack.say_kakao("안녕")
    turn = await stack.until("SELECT turn_id FROM deliveries WHERE state = 'delivered'")
    claimed = "UPDATE deliveries SET state = 'sending', claimed_until = now() + interval '1 minute'"
    async with stack.database.begin() as connection:
        await connection.execute(text(claimed))
    texts, extra = stack.app[app_keys.TEXTS], {"fetch_turn": str(turn.turn_id)}
    pressed = await stack.say_kakao("답변 확인", extra=extra)
    assert pressed.bubbles == [texts.held_still]
    assert pressed.button["extra"] == extra
    async with stack.database.begin() as connection:
        await connection.execute(text("UPDATE deliveries SET claimed_until = now()"))
    await stack.until("SELECT 1 FROM deliveries WHERE state = 'held'")
    fetched = await stack.say_kakao("답변 확인", extra=extra)
    assert fetched.bubbles[0] == "에코: 안녕"


async def test_the_buttons_words_fetch_the_newest_answer_when_they_are_typed(
    hasty: tuple[Stack, EngineServer],
) -> None:
    stack, server = hasty
    texts = stack.app[app_keys.TEXTS]
    nothing = await stack.say_kakao("답변 확인")
    assert nothing.bubbles == [texts.nothing_held]
    server.delay_per_token_s = 0.15
    server.reply = lambda _: "천천히 생각해 보니 답은 마흔둘이에요."
    await stack.say_kakao("답이 뭐야?")
    await stack.until("SELECT 1 FROM turns WHERE status = 'answered'")
    assert (await stack.say_kakao("답변 확인", user="영희")).bubbles == [texts.nothing_held]
    fetched = await stack.say_kakao("답변확인")
    assert fetched.bubbles[0] == "천천히 생각해 보니 답은 마흔둘이에요."
    await stack.until("SELECT 1 FROM deliveries WHERE state = 'delivered'")
    assert (await stack.say_kakao("답변 확인")).bubbles == [texts.nothing_held]
    assert len(await stack.rows("SELECT 1 FROM turns")) == 1


async def test_help_and_reset_are_typed_words_and_offer_each_other(
    parts: tuple[Stack, EngineServer],
) -> None:
    stack, server = parts
    texts = stack.app[app_keys.TEXTS]
    for word, sentence in (
        ("도움말", texts.help),
        ("새 대화", texts.reset_done),
        ("초기화", texts.reset_done),
        ("처음으로", texts.reset_done),
    ):
        said = await stack.say_kakao(word)
        assert said.bubbles == [sentence]
        button = said.quick_reply("새 대화")
        pressed = await stack.say_kakao(button["messageText"], extra=button["extra"])
        assert pressed.bubbles == [texts.reset_done]
    assert not server.requests


async def test_callback_budget_ends_with_a_partial_answer_and_a_button(
    database_url: str, redis_url: str
) -> None:
    numbers = " ".join(str(number) for number in range(60))
    async with (
        served(delay_per_token_s=0.1, reply=lambda _: numbers) as made,
        running_stack(
            database_url,
            redis_url,
            made[1],
            kakao_sync_budget_s=0.3,
            kakao_callback_budget_s=1.5,
        ) as stack,
    ):
        said = await stack.say_kakao("세어 봐", callback_url=stack.kakao.new_callback_url())
        assert said.will_call_back
        post = await stack.kakao.next_post()
        made[0].delay_per_token_s = 0
        assert post.texts[-1].startswith("0 1")
        assert stack.app[app_keys.TEXTS].held_partial in post.texts[-1]
        await stack.until("SELECT 1 FROM turns WHERE status = 'answered'")
        fetched = await stack.say_kakao("답변 확인", extra=post.quick_replies[0]["extra"])
        assert fetched.bubbles[0] == numbers
        assert len(stack.kakao.posts) == 1


async def test_the_button_lasts_while_the_callback_is_still_on_the_wire(
    database_url: str, redis_url: str
) -> None:
    reply = "하나 둘 셋 넷 다섯 여섯 일곱"
    async with (
        served(delay_per_token_s=0.3, reply=lambda _: reply) as made,
        running_stack(
            database_url,
            redis_url,
            made[1],
            kakao_sync_budget_s=0.3,
            kakao_callback_budget_s=0.8,
        ) as stack,
    ):
        stack.kakao.faults.slow_s = 3
        stack.kakao.faults.once(Fault.SLOW)
        await stack.say_kakao("세어 봐", callback_url=stack.kakao.new_callback_url())
        extra = (await stack.kakao.next_post()).quick_replies[0]["extra"]
        made[0].delay_per_token_s = 0
        await stack.until("SELECT 1 FROM turns WHERE status = 'answered'")
        early = await stack.say_kakao("답변 확인", extra=extra)
        assert early.bubbles == [stack.app[app_keys.TEXTS].held_still]
        await stack.until("SELECT 1 FROM deliveries WHERE state = 'held'")
        fetched = await stack.say_kakao("답변 확인", extra=early.button["extra"])
        assert fetched.bubbles[0] == reply


@pytest.mark.parametrize("fault", [Fault.CUT, Fault.SERVER_ERROR, Fault.INVALID_TOKEN])
async def test_a_callback_that_fails_is_never_posted_twice(
    hasty: tuple[Stack, EngineServer], fault: Fault
) -> None:
    stack, server = hasty
    server.delay_per_token_s = 0.15
    server.reply = lambda _: "하나 둘 셋 넷 다섯 여섯 일곱"
    stack.kakao.faults.always = fault
    await stack.say_kakao("안녕", callback_url=stack.kakao.new_callback_url())
    delivery = await stack.until("SELECT * FROM deliveries WHERE state = 'held'")
    await another_turn_is_delivered(stack)
    assert len(stack.kakao.posts) == 1
    assert delivery.detail


async def test_rate_limited_callback_is_retried(
    hasty: tuple[Stack, EngineServer],
) -> None:
    stack, server = hasty
    server.delay_per_token_s = 0.15
    server.reply = lambda _: "하나 둘 셋 넷 다섯 여섯 일곱"
    stack.kakao.faults.once(Fault.RATE_LIMITED)
    await stack.say_kakao("안녕", callback_url=stack.kakao.new_callback_url())
    await stack.until("SELECT 1 FROM deliveries WHERE state = 'delivered' AND attempts = 2")
    assert [post.texts[-1] for post in stack.kakao.shown] == ["하나 둘 셋 넷 다섯 여섯 일곱"]


async def test_a_callback_that_overtook_its_acknowledgement_is_tried_again(
    hasty: tuple[Stack, EngineServer],
) -> None:
    stack, server = hasty
    server.delay_per_token_s = 0.15
    server.reply = lambda _: "하나 둘 셋 넷 다섯"
    url = stack.kakao.new_callback_url(acknowledged=False)
    await stack.say_kakao("안녕", callback_url=url)
    assert not (await stack.kakao.next_post()).shown
    stack.kakao.acknowledge(url)
    await stack.until("SELECT 1 FROM deliveries WHERE state = 'delivered' AND attempts = 2")
    assert [post.texts[-1] for post in stack.kakao.shown] == ["하나 둘 셋 넷 다섯"]


async def test_a_callback_is_not_tried_again_after_its_time(
    database_url: str, redis_url: str
) -> None:
    async with (
        served(delay_per_token_s=0.5, reply=lambda _: "하나 둘 셋 넷 다섯 여섯 일곱") as made,
        running_stack(
            database_url,
            redis_url,
            made[1],
            kakao_sync_budget_s=0.3,
            kakao_callback_budget_s=1.0,
        ) as stack,
    ):
        stack.kakao.faults.retry_after_s = 60
        stack.kakao.faults.once(Fault.RATE_LIMITED)
        await stack.say_kakao("안녕", callback_url=stack.kakao.new_callback_url())
        await stack.until("SELECT 1 FROM deliveries WHERE state = 'held'")
        assert len(stack.kakao.posts) == 1


async def test_a_slack_command_is_answered_at_its_response_url(
    parts: tuple[Stack, EngineServer],
) -> None:
    stack, _ = parts
    said, _, _ = await stack.say_slack("안녕")
    assert said.status == 200
    assert said.body == {"response_type": "in_channel"}  # Slack shows the command itself
    post = await stack.slack.next_post()
    assert post.markdown == "에코: 안녕"
    assert "에코: 안녕" in post.text


async def test_the_same_slack_command_delivered_twice_is_answered_once(
    parts: tuple[Stack, EngineServer],
) -> None:
    stack, server = parts
    _, body, headers = await stack.say_slack("두 번 온 질문")
    again = {**headers, "X-Slack-Retry-Num": "1", "X-Slack-Retry-Reason": "http_timeout"}
    repeats = await asyncio.gather(
        *(stack.post("/webhooks/slack/commands", body, again) for _ in range(4))
    )
    assert {said.status for said in repeats} == {200}
    await stack.slack.next_post()
    assert len(await stack.rows("SELECT 1 FROM turns")) == 1
    await another_turn_is_delivered(stack)
    assert len(stack.slack.posts) == 2
    assert len(server.requests) == 2


async def test_the_same_kakao_request_delivered_twice_is_answered_once(
    parts: tuple[Stack, EngineServer],
) -> None:
    stack, server = parts
    url = stack.kakao.new_callback_url()
    both = await asyncio.gather(*(stack.say_kakao("안녕", callback_url=url) for _ in range(2)))
    shown = [said for said in both if "에코: 안녕" in said.bubbles]
    assert len(shown) == 1
    assert len(server.requests) == 1


async def test_rate_limited_slack_post_is_retried(
    parts: tuple[Stack, EngineServer],
) -> None:
    stack, _ = parts
    stack.slack.faults.once(Fault.RATE_LIMITED)
    await stack.say_slack("안녕")
    await stack.slack.next_post(count=2)
    assert len(stack.slack.shown) == 1
    await stack.until("SELECT 1 FROM deliveries WHERE state = 'delivered' AND attempts = 2")


async def test_a_slack_post_whose_answer_is_lost_is_not_repeated(
    parts: tuple[Stack, EngineServer],
) -> None:
    stack, _ = parts
    stack.slack.faults.always = Fault.CUT
    await stack.say_slack("안녕")
    await stack.until("SELECT 1 FROM deliveries WHERE state = 'unconfirmed'")
    stack.slack.faults.always = None
    await another_turn_is_delivered(stack)
    assert len(stack.slack.posts) == 2


async def test_turns_of_one_conversation_run_one_after_the_other(
    parts: tuple[Stack, EngineServer],
) -> None:
    stack, server = parts
    server.delay_per_token_s = 0.05
    for number in range(4):
        await stack.say_slack(f"질문 {number}")
    await stack.slack.next_post(count=4)
    assert [post.markdown for post in stack.slack.posts] == [f"에코: 질문 {n}" for n in range(4)]
    assert [r.contents[-1] for r in server.requests] == [f"질문 {n}" for n in range(4)]


async def test_conversations_run_side_by_side(parts: tuple[Stack, EngineServer]) -> None:
    stack, server = parts
    server.delay_per_token_s = 0.02
    said = await asyncio.gather(
        *(stack.say_kakao("안녕하세요 여러분", user=f"사람 {n}") for n in range(4))
    )
    assert [s.bubbles[0] for s in said] == ["에코: 안녕하세요 여러분"] * 4


async def test_the_first_answer_says_that_an_ai_wrote_it(
    parts: tuple[Stack, EngineServer],
) -> None:
    stack, _ = parts
    first, second = await stack.say_kakao("하나"), await stack.say_kakao("둘")
    assert first.has_notice
    assert not second.has_notice


async def test_too_many_messages_in_a_minute_get_a_sentence(
    database_url: str, redis_url: str
) -> None:
    async with (
        served() as made,
        running_stack(database_url, redis_url, made[1], rate_limit_per_minute=2) as stack,
    ):
        said = [await stack.say_kakao(f"질문 {n}") for n in range(4)]
        assert stack.app[app_keys.TEXTS].rate_limited in said[-1].bubbles
        assert {s.status for s in said} == {200}
        other = await stack.say_kakao("저는요?", user="영희")
        assert other.bubbles[0] == "에코: 저는요?"
