"""Clients that follow an answer: they go, they do not read, the worker changes under them."""

from __future__ import annotations

import asyncio
from uuid import UUID

from aiohttp import ClientSession
from redis.asyncio import Redis
from sqlalchemy import text

from bot import app_keys
from bot.http import server_sent_events
from fakes.generic import message, signed_headers
from inference_queue.token_stream import Run, TokenStream, current_run
from tests.support.generic_chat import Chat, running_chat
from tests.support.stack import GENERIC_SECRET as SECRET
from tests.support.stack import running_worker, served

NOWHERE = "redis://127.0.0.1:1/0"


async def follow(chat: Chat, path: str) -> int:
    """Begin to follow, and hang up at once; the status."""
    headers = signed_headers(SECRET, path.encode())
    async with ClientSession() as http, http.get(chat.stack.url + path, headers=headers) as stream:
        return stream.status


async def test_clients_that_hung_up_leave_their_places_to_others(chat: Chat) -> None:
    chat.server.silent_after = 0
    path = (await chat.send(message("오래 걸리는 질문"))).body["events_url"]
    assert [await follow(chat, path) for _ in range(2)] == [200, 200]
    # Two may follow at a time. Far below the heartbeat, at which they would be noticed anyway.
    async with asyncio.timeout(server_sent_events.HEARTBEAT_S / 2):
        while await follow(chat, path) != 200:
            await asyncio.sleep(0.1)


async def test_an_answer_that_another_worker_begins_anew_is_announced(
    database_url: str, redis_url: str
) -> None:
    async with running_chat(database_url, redis_url, worker=False) as chat:
        path = (await chat.send(message("안녕"))).body["events_url"]
        headers = signed_headers(SECRET, path.encode())
        async with ClientSession() as http, http.get(chat.stack.url + path, headers=headers) as got:
            async with (
                served(pieces=["처음 "] * 100, delay_per_token_s=0.2) as (_, engine),
                running_worker(database_url, redis_url, engine, drain_s=0.0),
            ):
                await got.content.readuntil(b"event: token\n")
            async with (
                served(pieces=["다시 ", "쓴 ", "답변"], delay_per_token_s=0.5) as (_, engine),
                running_worker(database_url, redis_url, engine),
            ):
                rest = (await got.content.read()).decode()
    before, restart, after = rest.partition("event: restart\n")
    assert restart
    assert "처음" in before
    assert "처음" not in after
    assert "다시 쓴 답변" in after.partition("event: result\n")[2]


async def test_without_redis_only_the_result_is_sent(database_url: str) -> None:
    async with (
        running_chat(database_url, NOWHERE, worker=False) as chat,
        served() as (_, engine),
        running_worker(database_url, NOWHERE, engine),
    ):
        said = await chat.send(message("안녕"))
        events = await chat.events(said.body["events_url"])
        assert [(name, data["text"]) for name, data in events] == [("result", "에코: 안녕")]


async def test_no_text_comes_behind_a_piece_that_redis_lost(chat: Chat) -> None:
    chat.server.silent_after = 0
    said = await chat.send(message("오래 걸리는 질문"))
    following = asyncio.create_task(chat.events(said.body["events_url"]))
    await chat.stack.until("SELECT 1 FROM turns WHERE status = 'generating'")
    redis, run = chat.stack.app[app_keys.REDIS], await run_of(chat)
    tokens = TokenStream(redis)
    tokens.append(run, "가나", at=0)
    await reads(redis, 2)
    await redis.delete(run.key)
    tokens.append(run, "마", at=4)
    await reads(redis, 2)
    tokens.append(run, "바", at=5)
    await reads(redis, 2)
    assert await chat.stack.app[app_keys.INBOX].cancel(UUID(said.body["id"]))
    assert [data["text"] for name, data in await following if name == "token"] == ["가나"]


async def run_of(chat: Chat) -> Run:
    """The run of the only job."""
    async with chat.stack.database.connect() as connection:
        job_id = await connection.scalar(text("SELECT id FROM jobs"))
        run = await current_run(connection, job_id) if job_id else None
    assert run is not None
    return run


async def reads(redis: Redis, count: int) -> None:
    """Wait until the stream was read so many times more."""

    async def read() -> int:
        return int((await redis.info("commandstats")).get("cmdstat_xrange", {}).get("calls", 0))

    until = await read() + count
    async with asyncio.timeout(30):
        while await read() < until:
            await asyncio.sleep(0.02)


async def test_a_cancelled_answer_ends_the_stream_with_a_sentence(chat: Chat) -> None:
    chat.server.silent_after = 0
    said = await chat.send(message("오래 걸리는 질문"))
    following = asyncio.create_task(chat.events(said.body["events_url"]))
    await chat.stack.until("SELECT 1 FROM turns WHERE status = 'generating'")
    assert await chat.stack.app[app_keys.INBOX].cancel(UUID(said.body["id"]))
    [(name, result)] = await following
    assert (name, result["status"]) == ("result", "failed")
