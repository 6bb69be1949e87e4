"""A part is missing: the person gets an honest sentence in time, the turn is kept, /readyz says."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from bot import app_keys
from bot.messengers.kakao.presses import FETCH_KEY
from bot.store.migrations import migrate
from bot.text.catalog import TEXTS
from fakes.engine_server import engine_server
from inference_worker.engines.local.engine import LocalEngine
from inference_worker.engines.served.engine import ServedEngine
from inference_worker.errors import EngineError
from onebox.embedded_servers import embedded_postgres, embedded_valkey
from tests.support.stack import Said, Stack, running_stack, running_worker, served, until_ready
from tests.support.timeouts import true_timeouts

TEXT = TEXTS["ko"]
NOWHERE = "redis://127.0.0.1:1/0"


async def until_failed(stack: Stack) -> None:
    presence = stack.app[app_keys.WORKERS]
    async with asyncio.timeout(60):
        while not any(worker.state == "failed" for worker in presence.workers or []):
            await presence.refresh()
            await asyncio.sleep(0.05)


async def test_missing_worker_is_told_at_once_and_answered_later(
    database_url: str, redis_url: str
) -> None:
    async with running_stack(
        database_url, redis_url, kakao_sync_budget_s=0.5, kakao_callback_budget_s=1.5
    ) as stack:
        await assert_only_the_model_is_missing(stack)
        ready = await stack.get("/readyz")
        assert ready.body["parts"]["worker"]["detail"] == "no worker is running"
        command, _, _ = await stack.say_slack("나중에라도 답해 줘")
        assert TEXT.worker_down.format(limit="28분") in str(command.body)
        url = stack.kakao.new_callback_url()
        assert (await stack.say_kakao("거기 있어?", callback_url=url)).will_call_back
        post = await stack.kakao.next_post()
        assert post.texts[-1].startswith(TEXT.worker_down_held.partition("{")[0])
        async with (
            served() as made,
            running_worker(database_url, redis_url, made[1]),
        ):
            answer = await stack.slack.next_post()
            assert answer.markdown == "에코: 나중에라도 답해 줘"
            await stack.until("SELECT 1 FROM turns WHERE messenger='kakao' AND status='answered'")
            button = post.quick_replies[0]
            fetched = await stack.say_kakao("답변 확인", extra=button["extra"])
            assert fetched.bubbles[0] == "에코: 거기 있어?"
            assert (await stack.get("/readyz?model=1")).status == 200
            assert "bot_model_ready 1.0" in (await stack.get("/metrics")).body


async def assert_only_the_model_is_missing(stack: Stack) -> None:
    """A load balancer keeps the bot; whoever asks for the model, or reads the metric, hears it."""
    for path, status, word in (
        ("/readyz", 200, "ready"),
        ("/readyz?model=0", 200, "ready"),
        ("/readyz?model=1", 503, "not ready"),
    ):
        answer = await stack.get(path)
        assert (answer.status, answer.body["status"]) == (status, word), path
        assert not answer.body["parts"]["worker"]["ok"]
    assert "bot_model_ready 0.0" in (await stack.get("/metrics")).body


async def test_a_held_answer_without_callback_says_that_the_model_is_off(
    database_url: str, redis_url: str
) -> None:
    async with running_stack(database_url, redis_url, kakao_sync_budget_s=0.4) as stack:
        held = await stack.say_kakao("거기 있어?")
        assert held.bubbles == [TEXT.worker_down_held.format(limit="30분")]
        pressed = await stack.say_kakao("답변 확인", extra=held.button["extra"])
        assert pressed.bubbles == held.bubbles
        assert pressed.button["extra"] == held.button["extra"]


async def test_an_engine_that_is_down_ends_in_a_sentence_and_a_kept_turn(
    database_url: str, redis_url: str
) -> None:
    async with engine_server() as server:
        engine = ServedEngine(server.url)
        async with running_stack(database_url, redis_url, engine, kakao_sync_budget_s=1.0) as stack:
            await stack.say_kakao("처음")
            server.fails_with = (503, {"error": "loading"})
            held = await stack.say_kakao("그다음")
            turn = await stack.until("SELECT * FROM turns WHERE status = 'failed'")
            assert turn.text == "그다음"
            assert turn.failure_message
            await assert_only_the_model_is_missing(stack)
            ready = await stack.get("/readyz")
            assert ready.body["parts"]["worker"]["state"] == "unavailable"
            assert "127.0.0.1" in ready.body["parts"]["worker"]["detail"]
            fetched = await stack.say_kakao("답변 확인", extra=held.button["extra"])
            assert fetched.bubbles == [TEXT.failed]


async def test_a_missing_model_is_named_in_readyz(
    database_url: str, redis_url: str, tmp_path: Path
) -> None:
    engine = LocalEngine(str(tmp_path / "no-model"), slots=1, cache_dir=tmp_path)
    async with running_stack(database_url, redis_url, kakao_sync_budget_s=0.4) as stack:
        with pytest.raises(EngineError):
            async with running_worker(database_url, redis_url, engine):
                await until_failed(stack)
        await assert_only_the_model_is_missing(stack)
        ready = await stack.get("/readyz")
        assert "no-model" in ready.body["parts"]["worker"]["detail"]
        told = (await stack.say_kakao("안녕")).bubbles
        assert told == [TEXT.worker_down_held.format(limit="30분")]


async def test_with_valkey_gone_answers_still_come(database_url: str, redis_url: str) -> None:
    async with (
        served() as made,
        running_stack(database_url, NOWHERE) as stack,
        running_worker(database_url, NOWHERE, made[1]),
    ):
        for text in ("하나", "둘"):
            assert (await stack.say_kakao(text)).bubbles[0] == f"에코: {text}"
        assert made[0].requests[-1].contents[1:] == ["하나", "에코: 하나", "둘"]
        await stack.say_slack("셋")
        assert (await stack.slack.next_post()).markdown == "에코: 셋"
        for path in ("/readyz", "/readyz?model=1"):
            ready = await stack.get(path)
            assert ready.status == 200
            assert not ready.body["parts"]["redis"]["ok"]
        assert "bot_model_ready NaN" in (await stack.get("/metrics")).body


async def test_valkey_may_stop_and_come_back_meanwhile(
    database_url: str, own_servers_dir: Path
) -> None:
    async with served() as made:
        async with embedded_valkey(own_servers_dir / "v") as url:
            stack_of = running_stack(database_url, url, made[1])
            stack = await stack_of.__aenter__()
            assert (await stack.say_kakao("하나")).bubbles[0] == "에코: 하나"
        try:
            assert (await stack.say_kakao("둘")).bubbles[0] == "에코: 둘"
            async with embedded_valkey(own_servers_dir / "v"):
                await until_ready(stack)
                assert (await stack.say_kakao("셋")).bubbles[0] == "에코: 셋"
                assert made[0].requests[-1].contents[1:3] == ["하나", "에코: 하나"]
        finally:
            await stack_of.__aexit__(None, None, None)


async def test_an_unmigrated_database_is_a_sentence_and_named_in_readyz(
    empty_database_url: str, redis_url: str
) -> None:
    async with running_stack(empty_database_url, redis_url) as stack:
        said = await stack.say_kakao("안녕")
        assert (said.status, said.bubbles) == (200, [TEXT.storage_down])
        command, _, _ = await stack.say_slack("안녕")
        assert command.status == 200
        assert TEXT.storage_down in str(command.body)
        ready = await stack.get("/readyz")
        assert ready.status == 503
        assert "migrate" in ready.body["parts"]["postgres"]["detail"]


async def test_with_postgres_frozen_every_webhook_is_answered_in_time(
    own_servers_dir: Path, redis_url: str
) -> None:
    async with embedded_postgres(own_servers_dir / "z", durable=False) as url:
        await migrate(url)
        async with (
            served() as made,
            running_stack(url, redis_url, kakao_sync_budget_s=0.4) as stack,
        ):
            held = await stack.say_kakao("하나")
            with frozen("postgres"), true_timeouts():
                said = await asyncio.gather(
                    stack.say_kakao("답변 확인", extra=held.button["extra"]),
                    stack.say_kakao("/초기화"),
                    *(stack.say_kakao("둘", user=f"사람 {n}") for n in range(30)),
                )
                assert {one.status for one in said} == {200}
                assert [one.bubbles for one in said] == [[TEXT.storage_down]] * 32
                command, _, _ = await stack.say_slack("셋")
                assert command.status == 200
            async with running_worker(url, redis_url, made[1]):
                await stack.until("SELECT 1 FROM turns WHERE text = '하나' AND status = 'answered'")
                fetched = await stack.say_kakao("답변 확인", extra=held.button["extra"])
                assert fetched.bubbles[0] == "에코: 하나"


@contextlib.contextmanager
def frozen(name: str) -> Iterator[None]:
    """The server's processes that this process started, stopped as by a machine that hangs."""
    children = psutil.Process().children(recursive=True)
    servers = [child for child in children if child.name() == name]
    for server in servers:
        server.suspend()
    try:
        yield
    finally:
        for server in servers:
            server.resume()


async def in_the_end(stack: Stack, said: Said, user: str) -> str:
    """The answer of the response, or on a busy machine that of its button."""
    if not any(FETCH_KEY in reply["extra"] for reply in said.quick_replies):
        return said.bubbles[0]
    await stack.until("SELECT 1 FROM turns HAVING bool_and(status = 'answered')")
    fetched = await stack.say_kakao("답변 확인", user=user, extra=said.button["extra"])
    return fetched.bubbles[0]


async def test_with_valkey_frozen_everybody_is_still_answered(
    database_url: str, own_servers_dir: Path
) -> None:
    words = " ".join(f"낱말{number}" for number in range(15))
    async with (
        served(reply=lambda _: words) as made,
        embedded_valkey(own_servers_dir / "f") as url,
        running_stack(database_url, url, made[1], rate_limit_per_minute=9) as stack,
    ):
        assert (await stack.say_kakao("하나")).bubbles[0] == words
        with frozen("valkey-server"):
            said = await asyncio.gather(
                *(stack.say_kakao("안녕", user=f"사람 {n}") for n in range(4)),
                stack.say_kakao("둘"),
            )
            for one, user in zip(said, [*(f"사람 {n}" for n in range(4)), "철수"], strict=True):
                assert await in_the_end(stack, one, user) == words
            ready = await stack.get("/readyz")
            assert ready.status == 200
            assert not ready.body["parts"]["redis"]["ok"]


async def test_with_postgres_gone_both_messengers_get_a_sentence_in_time(
    own_servers_dir: Path, redis_url: str
) -> None:
    async with served() as made:
        folder = own_servers_dir / "p"
        async with embedded_postgres(folder, durable=False) as url:
            await migrate(url)
            stack_of = running_stack(url, redis_url, made[1])
            stack = await stack_of.__aenter__()
            assert (await stack.say_kakao("하나")).bubbles[0] == "에코: 하나"
        try:
            said = await stack.say_kakao("둘")
            command, _, _ = await stack.say_slack("셋")
            assert (said.status, said.bubbles) == (200, [TEXT.storage_down])
            assert command.status == 200
            assert TEXT.storage_down in str(command.body)
            ready = await stack.get("/readyz")
            assert ready.status == 503
            assert ready.body["parts"]["postgres"]["detail"] == "Postgres cannot be reached"
            async with embedded_postgres(folder, durable=False):
                assert (await stack.say_kakao("넷")).bubbles[0] == "에코: 넷"
                assert made[0].requests[-1].contents[1:] == ["하나", "에코: 하나", "넷"]
                await stack_of.__aexit__(None, None, None)
                stack_of = None  # type: ignore[assignment]
        finally:
            if stack_of:
                await stack_of.__aexit__(None, None, None)
