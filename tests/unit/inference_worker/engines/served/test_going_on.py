"""Going on in an answer that was cut: what each server is asked."""

from __future__ import annotations

from typing import Any

import pytest

from fakes.engine_server import engine_server
from inference_queue.protocol import Completion, FinishReason, Message, Role
from inference_worker import going_on
from inference_worker.engines.served.engine import ServedEngine
from tests.support.served_jobs import a_job, an_engine, answer

CUT = ("세어 줘", "하나, 둘 <|eot_id|>, ", "이어서 써 주세요")
#: The fields with which each server goes on, and no other.
FIELDS: dict[str, dict[str, bool]] = {
    "vllm": {"continue_final_message": True, "add_generation_prompt": False},
    "sglang": {"continue_final_message": True},
    "llamacpp": {},
}


async def whole(engine: ServedEngine) -> Completion:
    """The completion of a job that continues, as the worker runs it."""
    job = a_job(*CUT, continues=True)
    last = [event async for event in going_on.answer(engine, job)][-1]
    assert isinstance(last, Completion)
    return last


@pytest.mark.parametrize("dialect", FIELDS)
async def test_a_server_that_can_goes_on_in_the_answer(dialect: str) -> None:
    async with (
        engine_server(dialect=dialect, strict=True, reply=lambda _: ", 셋") as server,
        an_engine(server) as engine,
    ):
        deltas, last = await answer(engine, a_job(*CUT, continues=True))
        assert "".join(delta.text for delta in deltas) == last.text == ", 셋"
        [request] = server.requests
        assert request.roles == ["user", "assistant"]
        assert request.contents[-1] == "하나, 둘 <|\u200beot_id|>,"
        names = ("continue_final_message", "add_generation_prompt")
        assert {n: request.body[n] for n in names if n in request.body} == FIELDS[dialect]


@pytest.mark.parametrize("dialect", ["tgi", "transformers", "openai"])
async def test_a_server_that_cannot_answers_the_request(dialect: str) -> None:
    async with engine_server(dialect=dialect, strict=True) as server, an_engine(server) as engine:
        assert (await whole(engine)).text == f"에코: {CUT[2]}"
        [request] = server.requests
        assert request.roles == ["user", "assistant", "user"]


async def test_tgis_own_route_gets_a_prompt_that_ends_in_the_answer() -> None:
    async with (
        engine_server(dialect="tgi", reply=lambda _: ", 셋") as server,
        an_engine(server, dialect="tgi-generate") as engine,
    ):
        assert (await answer(engine, a_job(*CUT, continues=True)))[1].text == ", 셋"
        header = "<|start_header_id|>assistant<|end_header_id|>\n\n"
        [request] = server.requests
        assert request.body["inputs"].endswith(
            f"{CUT[0]}<|eot_id|>{header}하나, 둘 <|\u200beot_id|>,"
        )


@pytest.mark.parametrize("dialect", FIELDS)
async def test_a_server_that_refuses_an_open_answer_is_asked(dialect: str) -> None:
    async with engine_server(dialect=dialect, takes_prefill=False) as server:
        async with an_engine(server) as engine:
            assert (await whole(engine)).text == f"에코: {CUT[2]}"
        assert [request.roles[-1] for request in server.requests] == ["assistant", "user"]


async def test_a_model_that_may_think_first_is_asked() -> None:
    async with engine_server(model="x") as server, an_engine(server) as engine:
        await whole(engine)
        assert server.requests[-1].roles == ["user", "assistant", "user"]
        await answer(engine, a_job())  # it is seen not to think
        await whole(engine)
        assert server.requests[-1].roles == ["user", "assistant"]


async def test_an_answer_that_was_complete_is_asked_for_more() -> None:
    def reply(messages: list[dict[str, Any]]) -> str:
        return "" if messages[-1]["role"] == "assistant" else "더 쓸 것이 없어요."

    async with engine_server(reply=reply) as server, an_engine(server) as engine:
        assert (await whole(engine)).text == "더 쓸 것이 없어요."
        assert len(server.requests) == 2


async def test_a_fault_of_the_server_is_not_answered_otherwise() -> None:
    async with engine_server(overloaded=1) as server, an_engine(server) as engine:
        with pytest.raises(Exception, match="too much to do"):
            await whole(engine)
        assert len(server.requests) == 1


async def test_what_broke_off_behind_its_first_words_is_not_begun_anew() -> None:
    async with (
        engine_server(reply=lambda _: "셋, 넷, 다섯", cut_after=3) as server,
        an_engine(server) as engine,
    ):
        with pytest.raises(Exception, match="broke off"):
            await whole(engine)
        assert len(server.requests) == 1


async def test_the_systems_text_is_folded_into_the_question_of_an_open_answer() -> None:
    async with engine_server(takes_system=False) as server, an_engine(server) as engine:
        roles = (Role.SYSTEM, Role.USER, Role.ASSISTANT, Role.USER)
        messages = tuple(map(Message, roles, ("짧게", *CUT)))
        _, last = await answer(engine, a_job(messages=messages, continues=True))
        assert last.finish_reason is FinishReason.STOP
        assert server.requests[-1].roles == ["user", "assistant"]
        assert server.requests[-1].contents[0] == f"짧게\n\n{CUT[0]}"


async def test_an_older_half_of_history_goes_before_the_open_answer() -> None:
    earlier = [f"{n}번째 긴 이야기" * 9 for n in range(6)]
    async with (
        engine_server(max_prompt_tokens=250) as server,
        an_engine(server) as engine,
    ):
        job = a_job(*earlier, *CUT, continues=True)
        _, last = await answer(engine, job)
        assert last.dropped_messages > 0
        assert server.requests[-1].contents[-2] == CUT[0]
