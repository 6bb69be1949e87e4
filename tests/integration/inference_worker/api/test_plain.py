"""Plain completions of the endpoint, in front of served engines."""

from __future__ import annotations

import pytest

from tests.support.api import PLAIN, api_endpoint
from tests.support.stack import served


@pytest.mark.parametrize("dialect", ["vllm", "sglang", "llamacpp"])
async def test_a_text_goes_to_the_server_as_it_is(dialect: str) -> None:
    async with served(dialect=dialect, pieces=["<think>", " 서울", " 끝"]) as (server, engine):
        await engine.start(lambda _: None)
        async with api_endpoint(engine) as endpoint:
            status, body = await endpoint.post(PLAIN, endpoint.plain("한국의 수도는", max_tokens=9))
        sent = server.requests[-1].body
    assert status == 200
    assert (sent["prompt"], sent["max_tokens"]) == ("한국의 수도는", 9)
    assert body["object"] == "text_completion"
    assert body["choices"][0]["text"] == "<think> 서울 끝"


async def test_token_ids_go_to_servers_that_take_them() -> None:
    async with served(dialect="vllm", pieces=["서울"]) as (server, engine):
        await engine.start(lambda _: None)
        async with api_endpoint(engine) as endpoint:
            body = endpoint.plain([[1, 2, 3], [4]], return_token_ids=True)
            status, answer = await endpoint.post(PLAIN, body)
    assert status == 200
    assert [request.body["prompt"] for request in server.requests] == [[1, 2, 3], [4]]
    assert [choice["index"] for choice in answer["choices"]] == [0, 1]
    assert answer["prompt_token_ids"] == [1, 2, 3]
    assert answer["usage"]["prompt_tokens"] == 4


@pytest.mark.parametrize(("dialect", "prompt"), [("openai", "서울은"), ("llamacpp", [1, 2])])
async def test_a_server_without_the_route_is_a_400_that_says_what_to_use(
    dialect: str, prompt: str | list[int]
) -> None:
    async with served(dialect=dialect) as (server, engine):
        await engine.start(lambda _: None)
        async with api_endpoint(engine) as endpoint:
            status, body = await endpoint.post(PLAIN, endpoint.plain(prompt))
    assert status == 400
    assert "chat completions" in body["error"]["message"]
    assert server.requests == []


async def test_a_stream_of_text_ends_with_done() -> None:
    async with served(pieces=["서", "울"]) as (_, engine):
        await engine.start(lambda _: None)
        async with api_endpoint(engine) as endpoint:
            body = endpoint.plain("수도는", stream_options={"include_usage": True})
            *chunks, counted, done = await endpoint.events(PLAIN, body)
    assert done == "[DONE]"
    assert [chunk["choices"][0]["text"] for chunk in chunks] == ["서", "울", ""]
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
    assert counted["usage"]["completion_tokens"] == 2
