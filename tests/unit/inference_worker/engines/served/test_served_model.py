"""What is known of the served model: at the start, behind an alias, and once it has changed."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from fakes.engine_server import DEFAULT_MODEL, engine_server
from inference_queue.protocol import FailureReason, Message, Role
from inference_worker.engines.served.engine import ServedEngine
from inference_worker.engines.served.pool import ServedPool
from inference_worker.prompt.stop_tokens import LLAMA3_STOP_TOKEN_IDS
from inference_worker.prompt.system_role import SystemRole
from tests.support.served_jobs import HELLO, a_job, an_engine, answer, failure, start_failure
from tests.support.served_pools import pool_of

ANOTHER = "Qwen/Qwen3-8B"


# --- an alias -------------------------------------------------------------------------------


@pytest.mark.parametrize("dialect", ["vllm", "sglang", "llamacpp"])
async def test_the_model_behind_an_alias_is_recognised(dialect: str) -> None:
    steps: list[str] = []
    async with engine_server(dialect=dialect, model="x", origin=DEFAULT_MODEL) as server:
        engine = ServedEngine(server.url)
        await engine.start(steps.append)
        await answer(engine, a_job())
        body = server.requests[-1].body
        await engine.close()
    assert engine.card.name == DEFAULT_MODEL
    assert engine.card.preset == "bllossom-8b"
    assert body["model"] == "x"
    if dialect != "llamacpp":
        assert body["stop_token_ids"] == list(LLAMA3_STOP_TOKEN_IDS)
    assert f"x ({DEFAULT_MODEL})" in steps[-1]
    assert "by the model behind the alias" in steps[-1]
    assert "guess" not in steps[-1]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "Preset bllossom-8b is a guess"),
        ({"preset": "llama3-bllossom"}, "Preset llama3-bllossom by WORKER_PRESET"),
    ],
)
async def test_what_was_guessed_is_said_at_the_start(settings: dict[str, Any], said: str) -> None:
    steps: list[str] = []
    async with engine_server(model="x") as server:
        await ServedEngine(server.url, **settings).start(steps.append)
    assert said in steps[-1]
    assert "vLLM by owned_by 'vllm'" in steps[-1]


# --- URLs -----------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["", "/", "/chat/completions"])
@pytest.mark.parametrize("api", ["/v1beta/openai", "/llm/v1", "/api/v3", "/openai/v1"])
async def test_a_url_with_a_path_is_asked_as_given(api: str, suffix: str) -> None:
    async with (
        engine_server(dialect="openai", api=api, model="models/gemini") as server,
        an_engine(server, suffix=api + suffix, model="models/gemini") as engine,
    ):
        assert (await answer(engine, a_job()))[1].text == "에코: 안녕"
        assert server.requests[-1].path == f"{api}/chat/completions"


async def test_a_gateways_path_without_v1_is_completed() -> None:
    async with (
        engine_server(api="/llm/v1") as server,
        an_engine(server, suffix="/llm") as engine,
    ):
        assert (await answer(engine, a_job()))[1].text == "에코: 안녕"


# --- a server that is restarted with another model --------------------------------------------


async def test_a_restart_with_another_model_is_followed_within_the_job() -> None:
    async with engine_server() as server, an_engine(server) as engine:
        server.model, server.context_window = ANOTHER, 4096
        answers = await asyncio.gather(*(answer(engine, a_job(f"{n}번")) for n in range(6)))
        assert [last.text for _, last in answers] == [f"에코: {n}번" for n in range(6)]
        assert {last.model for _, last in answers} == {ANOTHER}
        assert engine.card.name == ANOTHER
        assert engine.card.context_window == 4096
        assert server.requests[-1].body["model"] == ANOTHER
        assert "stop_token_ids" not in server.requests[-1].body


async def test_a_named_model_that_is_gone_is_waited_for() -> None:
    async with (
        engine_server() as server,
        an_engine(server, model=DEFAULT_MODEL, refresh_s=0.0) as engine,
    ):
        server.model = ANOTHER
        error = await failure(engine)
        assert error.failure.reason is FailureReason.ENGINE_UNAVAILABLE
        assert ANOTHER in await engine.check()
        server.model = DEFAULT_MODEL
        assert await engine.check() == ""
        assert (await answer(engine, a_job()))[1].text == "에코: 안녕"


async def test_new_facts_are_learnt_without_a_job() -> None:
    async with (
        engine_server(model="x", origin=DEFAULT_MODEL) as server,
        an_engine(server, refresh_s=0.0) as engine,
    ):
        server.origin, server.context_window = ANOTHER, 2048
        assert await engine.check() == ""
        assert engine.card.context_window == 2048
        assert engine.card.name == "x"
        server.loading = 3
        assert "not ready" in await engine.check()


async def test_a_server_is_not_asked_before_it_is_due() -> None:
    async with engine_server() as server, an_engine(server, refresh_s=3600) as engine:
        server.model = ANOTHER
        assert await engine.check() == ""
        assert engine.card.name == DEFAULT_MODEL


async def test_a_pool_follows_when_all_its_servers_changed() -> None:
    async with (
        engine_server() as one,
        engine_server() as other,
        pool_of(one.url, other.url) as pool,
    ):
        one.model = other.model = ANOTHER
        for _ in range(4):
            assert (await answer(pool, a_job()))[1].model == ANOTHER


async def test_a_server_with_another_model_than_the_pools_is_asked_last() -> None:
    async with engine_server() as one, engine_server() as other:
        pool = ServedPool([ServedEngine(url, refresh_s=0.0) for url in (one.url, other.url)])
        await pool.start(lambda _step: None)
        other.model = ANOTHER
        await pool.check()
        answers = await asyncio.gather(*(answer(pool, a_job()) for _ in range(4)))
        assert {last.model for _, last in answers} == {DEFAULT_MODEL}
        await pool.close()


# --- the system role ------------------------------------------------------------------------

CHAT = (*HELLO, Message(Role.ASSISTANT, "네"), Message(Role.USER, "다음"))


@pytest.mark.parametrize("dialect", ["vllm", "tgi", "llamacpp", "openai", "transformers"])
async def test_a_model_without_system_role_reads_the_text_in_the_first_question(
    dialect: str,
) -> None:
    async with (
        engine_server(dialect=dialect, takes_system=False) as server,
        an_engine(server) as engine,
    ):
        for _ in range(2):
            assert (await answer(engine, a_job(messages=CHAT)))[1].text == "에코: 다음"
        assert server.requests[-1].roles == ["user", "assistant", "user"]
        assert server.requests[-1].contents[0] == "친절하게 답하세요.\n\n안녕"
        assert len(server.requests) == 3  # the refusal is met once


@pytest.mark.parametrize(
    ("role", "roles"), [(SystemRole.NO, ["user"]), (SystemRole.YES, ["system", "user"])]
)
async def test_the_setting_decides_without_a_trial(role: SystemRole, roles: list[str]) -> None:
    async with engine_server() as server, an_engine(server, system_role=role) as engine:
        await answer(engine, a_job())
        assert [request.roles for request in server.requests] == [roles]


async def test_a_refused_system_role_is_an_error_where_the_setting_insists() -> None:
    async with (
        engine_server(takes_system=False) as server,
        an_engine(server, system_role=SystemRole.YES) as engine,
    ):
        error = await failure(engine)
    assert error.failure.reason is FailureReason.INVALID_JOB
    assert "system role" in error.failure.message


async def test_a_hosted_servers_list_of_errors_is_read() -> None:
    refusal = [{"error": {"code": 400, "message": "API key not valid", "status": "INVALID"}}]
    async with engine_server(dialect="openai", model="x") as server, an_engine(server) as engine:
        server.fails_with = (400, refusal)
        assert "API key not valid" in (await failure(engine)).failure.message
    error = await start_failure("http://127.0.0.1:1/v1beta/openai/")
    assert error.failure.retryable
