"""Adapters of inference servers: which are there, and how each job gets its own."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from fakes.engine_server import engine_server
from inference_queue.protocol import FailureReason, Job
from inference_worker.engines.base import PlainRequest
from inference_worker.engines.served.engine import ServedEngine
from inference_worker.engines.served.pool import ServedPool
from inference_worker.errors import EngineError
from tests.support.served_jobs import a_job, an_engine, answer

#: Our name, and the server's.
NAMES = {"support": "lora-1", "sales": "lora-2"}
CHOOSING = ("vllm", "sglang", "llamacpp", "openai", "tgi")


def named(adapter: str) -> Job:
    return dataclasses.replace(a_job("안녕"), adapter=adapter)


async def text_of(engine: Any, adapter: str) -> tuple[str, str]:
    _, last = await answer(engine, named(adapter))
    return last.text, last.model


@pytest.mark.parametrize("dialect", CHOOSING)
async def test_each_job_is_answered_with_the_adapter_that_it_names(dialect: str) -> None:
    async with (
        engine_server(dialect=dialect, adapters=("lora-1", "lora-2"), strict=True) as server,
        an_engine(server, adapters=NAMES) as engine,
    ):
        assert engine.card.adapters == ("support", "sales")
        assert await text_of(engine, "sales") == (
            "[lora-2] 에코: 안녕",
            f"{engine.card.name} + sales",
        )
        assert await text_of(engine, "support") == (
            "[lora-1] 에코: 안녕",
            f"{engine.card.name} + support",
        )
        assert await text_of(engine, "") == ("에코: 안녕", engine.card.name)


@pytest.mark.parametrize("dialect", ["vllm", "llamacpp", "openai"])
async def test_an_adapter_that_the_server_lacks_is_not_offered_and_never_replaced(
    dialect: str,
) -> None:
    told: list[str] = []
    async with engine_server(dialect=dialect, adapters=("lora-1",)) as server:
        engine = ServedEngine(server.url, adapters=NAMES, connect_timeout_s=60.0)
        await engine.start(told.append)
        assert engine.card.adapters == ("support",)
        assert "has none called sales: no job gets them" in told[-1]
        with pytest.raises(EngineError, match="names the adapter sales") as caught:
            await answer(engine, named("sales"))
        assert caught.value.failure.retryable
        assert not server.requests
        await engine.close()


async def test_a_server_that_cannot_choose_offers_none() -> None:
    told: list[str] = []
    async with engine_server(dialect="transformers") as server:
        engine = ServedEngine(
            server.url, model=server.model, adapters=NAMES, connect_timeout_s=60.0
        )
        await engine.start(told.append)
        assert engine.card.adapters == ()
        assert "takes no adapters by request" in told[-1]
        await engine.close()


async def test_an_adapter_loaded_later_is_offered_and_one_unloaded_goes_back_to_the_queue() -> None:
    async with (
        engine_server(dialect="vllm", adapters=("lora-1",)) as server,
        an_engine(server, adapters=NAMES) as engine,
    ):
        server.adapters = ("lora-1", "lora-2")
        await engine.refresh()
        assert engine.card.adapters == ("support", "sales")
        server.adapters = ("lora-2",)
        with pytest.raises(EngineError) as caught:
            await answer(engine, named("support"))
        assert caught.value.failure.reason is FailureReason.ENGINE_ERROR
        assert caught.value.failure.retryable
        assert set(engine.card.adapters) == {"sales"}


@pytest.mark.parametrize("dialect", ["sglang", "tgi"])
async def test_an_adapter_that_a_server_has_just_unloaded_is_no_fault_of_the_question(
    dialect: str,
) -> None:
    """Nobody is told that the question was wrong, and the worker goes on with others."""
    async with (
        engine_server(dialect=dialect, adapters=("lora-1",), strict=True) as server,
        an_engine(server, adapters={"support": "lora-1"}) as engine,
    ):
        server.adapters = ()
        with pytest.raises(EngineError) as caught:
            await answer(engine, named("support"))
        assert caught.value.failure.reason is FailureReason.ENGINE_ERROR
        assert caught.value.failure.retryable
        assert (await text_of(engine, ""))[0] == "에코: 안녕"


async def test_the_model_is_the_base_where_a_server_lists_adapters_first() -> None:
    async with (
        engine_server(dialect="vllm", model="z-base", adapters=("a-lora",)) as server,
        an_engine(server) as engine,
    ):
        assert engine.card.name == "z-base"


async def test_llamacpp_without_adapters_in_the_settings_is_left_as_it_was_started() -> None:
    async with (
        engine_server(dialect="llamacpp", adapters=("own",)) as server,
        an_engine(server) as engine,
    ):
        assert (await text_of(engine, ""))[0] == "[own] 에코: 안녕"
        assert "lora" not in server.requests[-1].body


async def test_a_plain_text_goes_on_with_its_adapter() -> None:
    async with (
        engine_server(adapters=("lora-1",)) as server,
        an_engine(server, adapters={"support": "lora-1"}) as engine,
    ):
        job = a_job("안녕", within_s=60)
        assert job.deadline
        plain = PlainRequest(
            prompt="안녕", sampling=job.sampling, deadline=job.deadline, adapter="support"
        )
        events = [event async for event in engine.complete(plain)]
    assert getattr(events[-1], "text", "").startswith("[lora-1]")
    assert server.requests[-1].body["model"] == "lora-1"


async def test_a_pool_offers_what_all_of_its_servers_have() -> None:
    async with (
        engine_server(adapters=("lora-1", "lora-2")) as one,
        engine_server(adapters=("lora-2",)) as two,
    ):
        pool = ServedPool([ServedEngine(s.url, adapters=NAMES) for s in (one, two)])
        await pool.start(lambda _step: None)
        assert pool.card.adapters == ("sales",)
        await pool.close()
