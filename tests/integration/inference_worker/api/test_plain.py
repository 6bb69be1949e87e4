"""Plain completions of the endpoint, in front of served engines."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.api import CHAT, PLAIN, api_endpoint
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


@pytest.mark.parametrize("dialect", ["vllm", "sglang"])
async def test_probabilities_are_those_that_the_server_tells(dialect: str) -> None:
    async with served(dialect=dialect, pieces=["서울", "요"]) as (server, engine):
        await engine.start(lambda _: None)
        async with api_endpoint(engine) as endpoint:
            body = endpoint.plain([11, 12, 13], echo=True, logprobs=1, max_tokens=2)
            status, answer = await endpoint.post(PLAIN, body)
            bare = endpoint.plain("수도는", logprobs=0, max_tokens=2)
            _, alone = await endpoint.post(PLAIN, bare)
    assert status == 200, answer
    sent = server.requests[0].body
    assert (sent["echo"], sent["logprobs"], sent["prompt"]) == (True, 1, [11, 12, 13])
    [choice] = answer["choices"]
    assert choice["text"] == "111213서울요"
    assert choice["logprobs"]["tokens"] == ["11", "12", "13", "서울", "요"]
    assert choice["logprobs"]["token_logprobs"] == [None, -0.1, -0.2, -0.3, -0.4]
    assert choice["logprobs"]["top_logprobs"][:2] == [None, {"best": -0.01, "12": -0.1}]
    assert choice["logprobs"]["text_offset"] == [0, 2, 4, 6, 8]
    assert answer["usage"]["prompt_tokens"] == 3
    assert alone["choices"][0]["logprobs"]["tokens"] == ["서울", "요"]
    assert alone["choices"][0]["text"] == "서울요"


@pytest.mark.parametrize(
    ("dialect", "route", "fields"),
    [
        ("llamacpp", PLAIN, {"logprobs": 1}),
        ("openai", CHAT, {"logprobs": True}),
        ("vllm", CHAT, {"logprobs": True}),
    ],
)
async def test_a_server_that_tells_no_probabilities_is_a_sentence(
    dialect: str, route: str, fields: dict[str, Any]
) -> None:
    async with served(dialect=dialect) as (server, engine):
        await engine.start(lambda _: None)
        async with api_endpoint(engine) as endpoint:
            body = endpoint.chat() if route == CHAT else endpoint.plain("서울")
            status, answer = await endpoint.post(route, {**body, **fields})
    assert status == 400
    assert "loglikelihood" in answer["error"]["message"]
    assert server.requests == []


async def test_a_server_that_does_not_tell_where_the_prompt_ends_gives_no_scores_of_it() -> None:
    """Of none the sum is 0, which lm_eval would take for certainty."""
    async with served(dialect="vllm", usage="never") as (_, engine):
        await engine.start(lambda _: None)
        async with api_endpoint(engine) as endpoint:
            body = endpoint.plain([11, 12, 13], echo=True, logprobs=1, max_tokens=0)
            status, answer = await endpoint.post(PLAIN, body)
    assert status == 400
    assert "loglikelihood" in answer["error"]["message"]
