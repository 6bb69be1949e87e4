"""The generic webhook, all the way: a signed message in, its answer by every way there is."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from aiohttp import ClientSession
from sqlalchemy import text

from bot.messengers.generic import event_stream
from fakes.faults import Fault
from fakes.generic import message, signed_headers
from tests.support.generic_chat import Chat, running_chat
from tests.support.stack import GENERIC_SECRET as SECRET
from tests.support.stack import Said

ROOT = Path(__file__).parents[5]


async def test_a_client_that_waits_gets_the_answer_in_the_response(chat: Chat) -> None:
    said = await chat.send(message("안녕하세요?"), "?wait=10")
    assert said.status == 200
    assert (said.body["status"], said.body["text"]) == ("answered", "에코: 안녕하세요?")
    assert said.body["ai_notice"]
    delivery = await chat.stack.until("SELECT * FROM deliveries WHERE state = 'delivered'")
    assert delivery.via == "sync"


async def test_without_waiting_the_result_is_fetched(chat: Chat) -> None:
    said = await chat.send(message("안녕"))
    assert said.status == 202
    assert said.body["status"] == "pending"
    await chat.stack.until("SELECT id FROM turns WHERE status = 'answered'")
    results = [await chat.get(said.body["result_url"]) for _ in range(2)]
    assert [result.status for result in results] == [200, 200]
    assert [result.body["text"] for result in results] == ["에코: 안녕"] * 2
    delivery = await chat.stack.until("SELECT * FROM deliveries WHERE state = 'delivered'")
    assert delivery.via == "held"
    assert len(await chat.stack.rows("SELECT id FROM delivery_attempts")) == 1


async def test_a_result_that_is_not_there_yet_is_pending(chat: Chat) -> None:
    chat.server.silent_after = 0
    said = await chat.send(message("오래 걸리는 질문"), "?wait=0.1")
    assert said.status == 202
    result = await chat.get(said.body["result_url"])
    assert (result.status, result.body) == (202, said.body)


async def break_reading(chat: Chat) -> None:
    """From now on no turn can be read."""
    async with chat.stack.database.begin() as connection:
        await connection.execute(text("ALTER TABLE turns RENAME COLUMN sender TO of_this_test"))


@pytest.mark.parametrize("url", ["result_url", "events_url"])
async def test_a_result_that_cannot_be_read_now_is_asked_for_again(chat: Chat, url: str) -> None:
    accepted = await chat.send(message("안녕"))
    await break_reading(chat)
    said = await chat.get(accepted.body[url])
    assert said.status == 503
    assert said.body["error"] == "the database does not answer"


async def test_a_stored_message_is_accepted_though_its_answer_cannot_be_read(chat: Chat) -> None:
    chat.server.silent_after = 0
    waiting = asyncio.create_task(chat.send(message("안녕"), "?wait=1"))
    await chat.stack.until("SELECT id FROM turns")
    await break_reading(chat)
    said = await waiting
    assert (said.status, said.body["status"]) == (202, "pending")


async def test_a_callback_carries_the_signed_result_once(chat: Chat) -> None:
    url = chat.messenger.callback_url
    said = await chat.send(message("안녕", callback_url=url))
    assert said.status == 202
    post = await chat.messenger.next_result()
    assert post.shown
    assert post.path.endswith("?room=%ED%95%9C")
    assert post.document["id"] == said.body["id"]
    assert post.document["text"] == "에코: 안녕"
    await chat.stack.until("SELECT 1 FROM deliveries WHERE state = 'delivered'")
    fetched = await chat.get(said.body["result_url"])
    assert fetched.body == post.document
    assert len(chat.messenger.posts) == 1


@pytest.mark.parametrize(
    ("fault", "state", "posts"),
    [
        (Fault.RATE_LIMITED, "delivered", 2),
        (Fault.CUT, "unconfirmed", 1),
        (Fault.SERVER_ERROR, "unconfirmed", 1),
    ],
)
async def test_a_callback_is_repeated_only_where_surely_nobody_took_it(
    chat: Chat, fault: Fault, state: str, posts: int
) -> None:
    chat.messenger.faults.once(fault)
    said = await chat.send(message("안녕", callback_url=chat.messenger.callback_url))
    await chat.stack.until(f"SELECT 1 FROM deliveries WHERE state = '{state}'")
    assert len(chat.messenger.posts) == posts
    result = await chat.get(said.body["result_url"])
    assert result.body["text"] == "에코: 안녕"


async def test_events_carry_the_answer_as_it_is_written(chat: Chat) -> None:
    words = ["하나 ", "둘 ", "셋 ", "넷 ", "다섯"]
    chat.server.pieces = words
    chat.server.delay_per_token_s = 0.15
    said = await chat.send(message("세어 봐"))
    events = await chat.events(said.body["events_url"])
    assert events[-1][0] == "result"
    assert events[-1][1]["text"] == "".join(words)
    streamed = "".join(data["text"] for name, data in events if name == "token")
    assert streamed
    assert "".join(words).startswith(streamed)
    await chat.stack.until("SELECT 1 FROM deliveries WHERE state = 'delivered' AND via = 'held'")


async def test_events_of_an_answered_message_are_its_result(chat: Chat) -> None:
    said = await chat.send(message("안녕"), "?wait=10")
    path = f"/webhooks/generic/results/{said.body['id']}/events"
    assert await chat.events(path) == [("result", said.body)]


async def test_too_many_followers_are_sent_to_the_result(chat: Chat) -> None:
    chat.server.silent_after = 0
    said = await chat.send(message("오래 걸리는 질문"))
    path = said.body["events_url"]
    headers = signed_headers(SECRET, path.encode())
    async with AsyncExitStack() as exits:
        for _ in range(2):
            http = await exits.enter_async_context(ClientSession())
            await exits.enter_async_context(http.get(chat.stack.url + path, headers=headers))
        refused = await chat.get(path)
    assert refused.status == 503


async def test_one_person_follows_only_a_few_answers(
    database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_stream, "MAX_STREAMS_OF_A_PERSON", 2)
    async with running_chat(database_url, redis_url, generic_max_streams=3) as chat:
        chat.server.silent_after = 0
        mine = [await chat.send(message(f"질문 {n}", conversation=f"room-{n}")) for n in range(3)]
        other = await chat.send(message("저는요?", user="영희", conversation="room-y"))
        async with AsyncExitStack() as exits:

            async def follow(said: Said) -> int:
                path = said.body["events_url"]
                headers = signed_headers(SECRET, path.encode())
                http = await exits.enter_async_context(ClientSession())
                request = http.get(chat.stack.url + path, headers=headers)
                return (await exits.enter_async_context(request)).status

            assert [await follow(said) for said in mine] == [200, 200, 503]
            assert await follow(other) == 200


async def test_the_same_key_is_the_same_message(chat: Chat) -> None:
    document = message("안녕", idempotency_key="k-1")
    first = await chat.send(document, "?wait=10")
    again = await chat.send(document, "?wait=10")
    assert again.body == first.body
    assert len(await chat.stack.rows("SELECT id FROM turns")) == 1
    other = await chat.send({**document, "text": "다른 말"})
    assert other.status == 409
    assert other.body["error"].startswith("idempotency_key: ")


async def test_the_same_key_in_another_tenant_is_another_message(chat: Chat) -> None:
    document = message("안녕", idempotency_key="k-1")
    first = await chat.send({**document, "tenant": "acme"}, "?wait=10")
    second = await chat.send({**document, "tenant": "globex"}, "?wait=10")
    assert first.body["id"] != second.body["id"]


async def test_a_conversation_has_its_own_history_until_it_is_reset(chat: Chat) -> None:
    await chat.send(message("내 이름은 영희야"), "?wait=10")
    await chat.send(message("방이 달라", conversation="room-2"), "?wait=10")
    await chat.send(message("내 이름이 뭐지?"), "?wait=10")
    assert chat.server.requests[-1].contents[1:] == [
        "내 이름은 영희야",
        "에코: 내 이름은 영희야",
        "내 이름이 뭐지?",
    ]
    reset = await chat.send({"conversation": "room-1", "user": "chulsoo", "command": "reset"})
    assert (reset.status, reset.body["status"]) == (200, "reset")
    await chat.send(message("처음부터"), "?wait=10")
    assert chat.server.requests[-1].contents[1:] == ["처음부터"]


@pytest.mark.parametrize("key", [{}, {"idempotency_key": "k-reset"}])
async def test_a_replayed_reset_changes_nothing(chat: Chat, key: dict[str, str]) -> None:
    """By its idempotency key, or without one by its signature."""
    reset = {"conversation": "room-1", "user": "chulsoo", "command": "reset", **key}
    body = json.dumps(reset).encode()
    headers = signed_headers(SECRET, body)
    await chat.send(message("잊어 줘"), "?wait=10")
    for _ in range(2):
        answer = await chat.stack.post("/webhooks/generic", body, headers)
        assert (answer.status, answer.body["status"]) == (200, "reset")
        await chat.send(message("내 이름은 영희야"), "?wait=10")
    assert chat.server.requests[-1].contents[1:] == [
        "내 이름은 영희야",
        "에코: 내 이름은 영희야",
        "내 이름은 영희야",
    ]


async def test_unanswerable_message_gets_a_sentence(chat: Chat) -> None:
    said = await chat.send(message(" \u3164 "))
    assert said.status == 422
    assert said.body["error"] == "empty"
    assert said.body["message"].endswith("요.")


@pytest.mark.parametrize("query", ["31", "-1", "x", "nan", "1" * 20])
async def test_a_wrong_wait_is_refused(chat: Chat, query: str) -> None:
    said = await chat.send(message("안녕"), f"?wait={query}")
    assert said.status == 400
    assert said.body["error"].startswith("wait: ")


async def test_a_stranger_gets_nothing(chat: Chat) -> None:
    said = await chat.send(message("비밀"), "?wait=10")
    path = f"/webhooks/generic/results/{said.body['id']}"
    for asked, secret, status in [
        (path, "guessed", 401),
        (f"{path}/events", "guessed", 401),
        (f"/webhooks/generic/results/{uuid4()}", SECRET, 404),
        ("/webhooks/generic/results/x", SECRET, 404),
    ]:
        result = await chat.get(asked, secret)
        assert result.status == status
        assert "비밀" not in str(result.body)


async def test_a_turn_of_another_messenger_is_not_shown(chat: Chat) -> None:
    await chat.stack.say_kakao("카카오의 비밀")
    [turn] = await chat.stack.rows("SELECT id FROM turns")
    result = await chat.get(f"/webhooks/generic/results/{UUID(str(turn.id))}")
    assert result.status == 404


@pytest.mark.parametrize("page", ["docs/generic.md", "docs/generic.ko.md"])
async def test_the_client_of_the_guide_prints_the_answer(chat: Chat, page: str) -> None:
    [client] = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text("utf-8"), re.DOTALL)
    assert len([line for line in client.splitlines() if line.strip()]) <= 20
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        client,
        env={**os.environ, "CHAT_URL": chat.stack.url, "BOT_GENERIC_SECRET": SECRET},
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0
    assert output.decode().strip() == "에코: 안녕하세요!"


async def test_a_person_is_erased_on_request_and_once(chat: Chat) -> None:
    request = {"conversation": "room-1", "user": "chulsoo"}
    await chat.send({**request, "idempotency_key": "k1", "text": "하나"}, "?wait=20")
    erase = {**request, "command": "erase", "idempotency_key": "k-erase"}
    erased = await chat.send(erase)
    assert (erased.status, erased.body["status"]) == (200, "erase")
    assert not await chat.stack.rows("SELECT 1 FROM turns")
    await chat.send({**request, "idempotency_key": "k2", "text": "둘"}, "?wait=20")
    await chat.send(erase)
    assert len(await chat.stack.rows("SELECT 1 FROM turns")) == 1
