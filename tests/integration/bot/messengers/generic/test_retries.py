"""Clients that repeat themselves, hang up in the middle, or ask all at once."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from aiohttp import ClientSession, ClientTimeout

from bot.store.migrations import migrate
from fakes.generic import message, signed_headers
from onebox.embedded_servers import embedded_postgres
from tests.support.generic_chat import Chat, running_chat
from tests.support.stack import GENERIC_SECRET as SECRET

ATTEMPTS = "SELECT via, state FROM delivery_attempts"


async def test_twenty_clients_with_one_key_get_the_answer_of_one_turn(chat: Chat) -> None:
    chat.server.delay_per_token_s = 0.1
    document = message("안녕")
    said = await asyncio.gather(*(chat.send_patiently(document, "?wait=20") for _ in range(20)))
    assert {one.status for one in said} == {200}
    assert {json.dumps(one.body) for one in said} == {json.dumps(said[0].body)}
    assert len(await chat.stack.rows("SELECT id FROM turns")) == 1
    await chat.stack.until("SELECT 1 FROM deliveries WHERE state = 'delivered'")
    assert len(await chat.stack.rows(ATTEMPTS)) == 1


async def test_an_answer_in_the_first_response_is_delivered_though_a_retry_did_not_wait(
    chat: Chat,
) -> None:
    chat.server.pieces = ["하나 ", "둘"]
    chat.server.delay_per_token_s = 0.3
    document = message("안녕")
    first = asyncio.create_task(chat.send(document, "?wait=20"))
    await chat.stack.until("SELECT id FROM turns")
    assert (await chat.send(document)).status == 202
    assert (await first).status == 200
    await chat.stack.until("SELECT 1 FROM deliveries WHERE state = 'delivered'")
    assert len(await chat.stack.rows(ATTEMPTS)) == 1


async def test_a_client_that_hangs_up_fetches_its_answer(chat: Chat) -> None:
    chat.server.pieces = ["하나 ", "둘"]
    chat.server.delay_per_token_s = 0.3
    body = json.dumps(message("안녕")).encode()
    url = f"{chat.stack.url}/webhooks/generic?wait=20"
    async with ClientSession(timeout=ClientTimeout(total=0.2)) as http:
        with pytest.raises(TimeoutError):
            await http.post(url, data=body, headers=signed_headers(SECRET, body))
    turn = await chat.stack.until("SELECT id FROM turns WHERE status = 'answered'")
    result = await chat.get(f"/webhooks/generic/results/{turn.id}")
    assert result.body["text"] == "하나 둘"
    await chat.stack.until("SELECT 1 FROM deliveries WHERE state = 'delivered'")


async def test_fifty_clients_that_fetch_at_once_are_one_delivery(chat: Chat) -> None:
    said = await chat.send(message("안녕"))
    await chat.stack.until("SELECT id FROM turns WHERE status = 'answered'")
    results = await asyncio.gather(
        *(chat.get_patiently(said.body["result_url"]) for _ in range(50))
    )
    assert {result.status for result in results} == {200}
    assert {result.body["text"] for result in results} == {"에코: 안녕"}
    await chat.stack.until("SELECT 1 FROM deliveries WHERE state = 'delivered'")
    assert len(await chat.stack.rows(ATTEMPTS)) == 1


@pytest.mark.parametrize("way", ["result_url", "events_url"])
async def test_a_request_for_the_head_alone_delivers_nothing(chat: Chat, way: str) -> None:
    said = await chat.send(message("안녕"))
    await chat.stack.until("SELECT id FROM turns WHERE status = 'answered'")
    path = said.body[way]
    headers = signed_headers(SECRET, path.encode())
    async with chat.stack.http.head(chat.stack.url + path, headers=headers) as response:
        assert response.status == 405
    assert not await chat.stack.rows(ATTEMPTS)
    [delivery] = await chat.stack.rows("SELECT state FROM deliveries")
    assert delivery.state == "held"


async def test_messages_that_are_answered_together_have_results_each(
    database_url: str, redis_url: str
) -> None:
    async with running_chat(database_url, redis_url, merge_window_s=0.5) as chat:
        first = asyncio.create_task(chat.send(message("하나"), "?wait=20"))
        await chat.stack.until("SELECT id FROM turns")
        second = await chat.send(message("둘"), "?wait=20")
        merged = await first
        assert second.body["text"] == "에코: 하나\n둘"
        assert (merged.status, merged.body["status"]) == (200, "failed")
        assert merged.body["text"].endswith("요.")


async def test_without_postgres_a_program_is_told_to_ask_again(
    own_servers_dir: Path, redis_url: str
) -> None:
    folder = own_servers_dir / "generic"
    chat_of = None
    try:
        async with embedded_postgres(folder, durable=False) as url:
            await migrate(url)
            chat_of = running_chat(url, redis_url)
            chat = await chat_of.__aenter__()
            chat.server.silent_after = 0
            document = message("하나")
            waiting = asyncio.create_task(chat.send(document, "?wait=2"))
            turn = await chat.stack.until("SELECT id FROM turns")
            path = f"/webhooks/generic/results/{turn.id}"
            following = asyncio.create_task(chat.events(f"{path}/events"))
            await chat.stack.until("SELECT 1 FROM turns WHERE status = 'generating'")
        refused = await asyncio.gather(
            chat.get(path), chat.get(f"{path}/events"), chat.send(document, "?wait=1")
        )
        assert [one.status for one in refused] == [503] * 3
        assert {one.body["error"] for one in refused} == {"the database does not answer"}
        accepted = await waiting
        assert (accepted.status, accepted.body["result_url"]) == (202, path)
        chat.server.silent_after = None
        async with embedded_postgres(folder, durable=False):
            await chat.stack.database.dispose()
            await chat.stack.until("SELECT 1 FROM turns WHERE status = 'answered'")
            result = await chat.get(path)
            assert result.body["text"] == "에코: 하나"
            assert (await following)[-1] == ("result", result.body)
            await chat_of.__aexit__(None, None, None)
            chat_of = None
    finally:
        if chat_of:
            await chat_of.__aexit__(None, None, None)
