"""Chat completions of the endpoint, in front of a served engine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from fakes.engine_server import EngineServer
from inference_queue.presets import PRESETS
from tests.support.api import CHAT, ApiEndpoint, api_endpoint
from tests.support.stack import served


@pytest.fixture
async def server_and_endpoint() -> AsyncIterator[tuple[EngineServer, ApiEndpoint]]:
    async with served() as (server, engine):
        await engine.start(lambda _: None)
        async with api_endpoint(engine) as endpoint:
            yield server, endpoint


@pytest.fixture
def server(server_and_endpoint: tuple[EngineServer, ApiEndpoint]) -> EngineServer:
    return server_and_endpoint[0]


@pytest.fixture
def endpoint(server_and_endpoint: tuple[EngineServer, ApiEndpoint]) -> ApiEndpoint:
    return server_and_endpoint[1]


async def test_a_question_gets_its_answer_with_usage(endpoint: ApiEndpoint) -> None:
    status, body = await endpoint.post(CHAT, endpoint.chat("서울은?"))
    assert status == 200
    [choice] = body["choices"]
    assert choice["message"] == {"role": "assistant", "content": "에코: 서울은?"}
    assert (choice["finish_reason"], body["object"]) == ("stop", "chat.completion")
    assert body["model"] == endpoint.model
    used = body["usage"]
    assert used["total_tokens"] == used["prompt_tokens"] + used["completion_tokens"] > 0


async def test_the_stream_holds_the_same_answer_and_ends_with_done(endpoint: ApiEndpoint) -> None:
    body = endpoint.chat("하나 둘 셋 넷", stream_options={"include_usage": True})
    *chunks, counted, done = await endpoint.events(CHAT, body)
    assert done == "[DONE]"
    assert counted["choices"] == []
    assert counted["usage"]["completion_tokens"] > 0
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    assert deltas[0] == {"role": "assistant", "content": ""}
    assert "".join(delta.get("content", "") for delta in deltas) == "에코: 하나 둘 셋 넷"
    reasons = [chunk["choices"][0]["finish_reason"] for chunk in chunks]
    assert reasons == [*[None] * (len(chunks) - 1), "stop"]
    assert len({chunk["id"] for chunk in chunks}) == 1


async def test_usage_is_streamed_only_where_it_is_asked_for(endpoint: ApiEndpoint) -> None:
    events = await endpoint.events(CHAT, endpoint.chat())
    assert not any("usage" in event for event in events[:-1])


async def test_what_a_client_leaves_out_is_the_presets(
    server: EngineServer, endpoint: ApiEndpoint
) -> None:
    await endpoint.post(CHAT, endpoint.chat())
    body, preset = server.requests[-1].body, PRESETS["bllossom-8b"].sampling
    assert (body["temperature"], body["top_p"]) == (preset.temperature, preset.top_p)
    assert body["max_tokens"] == preset.max_new_tokens


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
async def test_the_clients_sampling_reaches_the_engine(
    server: EngineServer, endpoint: ApiEndpoint, name: str
) -> None:
    wanted: dict[str, Any] = {
        "temperature": 0,
        "top_p": 0.5,
        "seed": 7,
        "stop": ["끝"],
        "top_k": 20,
        name: 9,
    }
    await endpoint.post(CHAT, endpoint.chat(**wanted))
    body = server.requests[-1].body
    assert {key: body[key] for key in ("temperature", "top_p", "seed", "top_k")} == {
        "temperature": 0,
        "top_p": 0.5,
        "seed": 7,
        "top_k": 20,
    }
    assert body["max_tokens"] == 9
    assert "끝" in body["stop"]


async def test_a_cut_answer_ends_by_length(endpoint: ApiEndpoint) -> None:
    _, body = await endpoint.post(CHAT, endpoint.chat("하나 둘 셋 넷 다섯", max_tokens=2))
    assert body["choices"][0]["finish_reason"] == "length"
    assert body["usage"]["completion_tokens"] == 2


async def test_messages_stand_as_they_are_sent(server: EngineServer, endpoint: ApiEndpoint) -> None:
    messages = [
        {"role": "developer", "content": "짧게 답해."},
        {"role": "user", "content": [{"type": "text", "text": "하나"}]},
        {"role": "assistant", "content": "둘"},
        {"role": "user", "content": "셋"},
    ]
    status, _ = await endpoint.post(CHAT, {"model": endpoint.model, "messages": messages})
    assert status == 200
    request = server.requests[-1]
    assert request.roles == ["system", "user", "assistant", "user"]
    assert request.contents == ["짧게 답해.", "하나", "둘", "셋"]


async def test_an_engine_that_fails_says_why_with_its_status(
    server: EngineServer, endpoint: ApiEndpoint
) -> None:
    server.fails_with = (500, {"error": "CUDA is gone"})
    for body in (endpoint.chat(), endpoint.chat(stream=True)):
        status, answer = await endpoint.post(CHAT, body)
        assert status >= 500
        assert answer["error"]["type"] == "server_error"
        assert answer["error"]["message"]


async def test_a_stream_that_breaks_off_ends_with_an_error_event(
    server: EngineServer, endpoint: ApiEndpoint
) -> None:
    server.cut_after = 2
    *_, error, done = await endpoint.events(CHAT, endpoint.chat("하나 둘 셋 넷 다섯"))
    assert error["error"]["message"]
    assert done == "[DONE]"


async def test_what_the_context_left_out_is_told(
    server: EngineServer, endpoint: ApiEndpoint
) -> None:
    turns = [
        {"role": role, "content": "가나다라마바사 " * 300}
        for _ in range(6)
        for role in ("user", "assistant")
    ]
    body = endpoint.chat("질문")
    body["messages"] = [*turns, *body["messages"]]
    status, answer = await endpoint.post(CHAT, body)
    assert status == 200
    assert answer["dropped_messages"] > 0
    assert len(server.requests[-1].contents) == 13 - answer["dropped_messages"]
