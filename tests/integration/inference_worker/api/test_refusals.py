"""What the endpoint does not answer: each with its status and a sentence, in OpenAI's form."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientSession, TCPConnector
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.engine_server import EngineServer
from inference_queue.worker_registry import WorkerState
from inference_worker.api import body as api_body
from inference_worker.api.admission import MAX_WAITING
from inference_worker.api.body import MAX_BODY_BYTES
from tests.support.api import CHAT, KEY, PLAIN, ApiEndpoint, api_endpoint
from tests.support.stack import served

USER = {"role": "user", "content": "안녕"}
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}


@pytest.fixture
async def endpoint() -> AsyncIterator[ApiEndpoint]:
    async with served() as (_, engine):
        await engine.start(lambda _: None)
        async with api_endpoint(engine) as endpoint:
            yield endpoint


def said(answer: Any) -> str:
    """The sentence of an error in OpenAI's form."""
    error = answer["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["type"] in (
        "invalid_request_error",
        "authentication_error",
        "permission_error",
        "rate_limit_error",
        "server_error",
    )
    assert error["message"].endswith(".")
    return str(error["message"])


@pytest.mark.parametrize(
    ("changed", "param", "sentence"),
    [
        ({"max_tokens": 10**9}, "max_tokens", "from 1 to 8192"),
        ({"max_completion_tokens": 10**30}, "max_completion_tokens", "8192"),
        ({"max_tokens": 0}, "max_tokens", "from 1"),
        ({"max_tokens": -5}, "max_tokens", "from 1"),
        ({"max_tokens": 1.5}, "max_tokens", "whole number"),
        ({"max_tokens": True}, "max_tokens", "whole number"),
        ({"max_tokens": "9"}, "max_tokens", "whole number"),
        ({"temperature": "hot"}, "temperature", "number"),
        ({"temperature": -1}, "temperature", "from 0 to 10"),
        ({"top_p": 0}, "top_p", "(0, 1]"),
        ({"top_p": 7}, "top_p", "(0, 1]"),
        ({"top_k": -2}, "top_k", "0 or more"),
        ({"seed": 0.5}, "seed", "whole number"),
        ({"stop": [""]}, "stop", "none of them empty"),
        ({"stop": ["a"] * 17}, "stop", "at most 16"),
        ({"stop": [1]}, "stop", "text"),
        ({"stream": "yes"}, "stream", "true or false"),
        ({"stream": True, "stream_options": []}, "stream_options", "object"),
        ({"n": 2}, "n", "must be 1"),
        ({"top_logprobs": 2}, "top_logprobs", "needs logprobs"),
        ({"prompt_logprobs": 1}, "prompt_logprobs", "echo"),
        ({"presence_penalty": 0.5}, "presence_penalty", "repetition_penalty"),
        ({"tools": [{"type": "function"}]}, "tools", "not supported"),
        ({"response_format": {"type": "json_object"}}, "response_format", "text"),
        ({"ignore_eos": True}, "ignore_eos", "not supported"),
        ({"messages": []}, "messages", "1 to 1000"),
        ({"messages": None}, "messages", "1 to 1000"),
        ({"messages": "안녕"}, "messages", "1 to 1000"),
        ({"messages": [USER] * 1001}, "messages", "1 to 1000"),
        ({"messages": ["안녕"]}, "messages", "object"),
        ({"messages": [{"role": "user"}]}, "messages", "text or a list"),
        ({"messages": [{"role": "user", "content": " \n"}]}, "messages", "is empty"),
        ({"messages": [{"role": "user", "content": []}]}, "messages", "is empty"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages", "system, user or assistant"),
        ({"messages": [{"role": ["user"], "content": "x"}]}, "messages", "system, user"),
        ({"messages": [{"role": "system", "content": "x"}]}, "messages", "the user's"),
        ({"messages": [USER, {"role": "assistant", "content": "x"}]}, "messages", "the user's"),
        ({"messages": [{"role": "user", "content": "가" * 200_001}]}, "messages", "200000"),
        ({"messages": [{"role": "user", "content": [PICTURE]}]}, "messages", "reads text only"),
        (
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [{"type": "image_url", "image_url": {"url": "http://x/y.png"}}],
                    }
                ]
            },
            "messages",
            "data URL",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]},
            "messages",
            "text or image_url",
        ),
        ({"model": None}, "model", "Name the model"),
        ({"model": 7}, "model", "must be text"),
    ],
)
async def test_a_wrong_field_is_a_400_that_names_it(
    endpoint: ApiEndpoint, changed: dict[str, Any], param: str, sentence: str
) -> None:
    status, answer = await endpoint.post(CHAT, {**endpoint.chat(), **changed})
    assert status == 400
    assert sentence in said(answer)
    assert answer["error"]["param"] == param


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"prompt": None}, "text, a list of token ids"),
        ({"prompt": ""}, "not be empty"),
        ({"prompt": []}, "text, a list of token ids"),
        ({"prompt": [[]]}, "text, a list of token ids"),
        ({"prompt": [1, "a"]}, "text, a list of token ids"),
        ({"prompt": [[1.5]]}, "text, a list of token ids"),
        ({"prompt": [True]}, "text, a list of token ids"),
        ({"prompt": {"a": 1}}, "text, a list of token ids"),
        ({"prompt": ["a"] * 33}, "at most 32"),
        ({"prompt": ["a", "b"], "stream": True}, "one prompt"),
        ({"prompt": "가" * 200_001}, "200000"),
        ({"logprobs": 21}, "from 0 to 20"),
        ({"echo": True, "stream": True}, "not streamed"),
        ({"best_of": 3}, "must be 1"),
        ({"suffix": "끝"}, "not supported"),
    ],
)
async def test_a_wrong_plain_completion_is_a_400(
    endpoint: ApiEndpoint, changed: dict[str, Any], sentence: str
) -> None:
    status, answer = await endpoint.post(PLAIN, {**endpoint.plain("서울은"), **changed})
    assert status == 400
    assert sentence in said(answer)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"[1]", "JSON object"),
        (b'"x"', "JSON object"),
        (b"\xff\xfe", "not JSON"),
        (b'{"model": NaN}', "not JSON"),
        (b'{"a":' * 2000 + b"1" + b"}" * 2000, "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b'{"messages": [{"role": "user", "content": "\\ud800"}]}', "not JSON"),
    ],
)
async def test_a_body_that_is_no_json_object_is_a_400(
    endpoint: ApiEndpoint, body: bytes, sentence: str
) -> None:
    status, answer = await endpoint.post(CHAT, body)
    assert status == 400
    assert sentence in said(answer)


async def test_a_huge_body_is_a_413(endpoint: ApiEndpoint) -> None:
    body = json.dumps(endpoint.chat("x" * MAX_BODY_BYTES)).encode()
    status, answer = await endpoint.post(CHAT, body)
    assert status == 413
    assert "send less" in said(answer)


async def test_a_slow_body_is_a_408(endpoint: ApiEndpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_body, "BODY_S", 0.05)

    async def never() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(30)

    headers = {"Content-Type": "application/json"}
    async with endpoint.http.post(endpoint.url + CHAT, data=never(), headers=headers) as response:
        assert response.status == 408
        assert "send it again" in said(await response.json())


@pytest.mark.parametrize("path", [CHAT, PLAIN])
async def test_an_unknown_model_is_a_404(endpoint: ApiEndpoint, path: str) -> None:
    body = {**endpoint.chat(), **endpoint.plain("a"), "model": "gpt-4o"}
    status, answer = await endpoint.post(path, body)
    assert (status, answer["error"]["code"]) == (404, "model_not_found")
    assert endpoint.model in said(answer)


async def test_the_served_model_is_listed_and_found_by_its_name(endpoint: ApiEndpoint) -> None:
    status, listing = await endpoint.get("/v1/models")
    [card] = listing["data"]
    assert (status, card["id"], card["max_model_len"]) == (200, endpoint.model, 8192)
    assert await endpoint.get(f"/v1/models/{endpoint.model}") == (200, card)
    status, answer = await endpoint.get("/v1/models/gpt-4o")
    assert status == 404
    assert said(answer)


async def test_unknown_routes_and_methods_are_errors_of_the_same_form(
    endpoint: ApiEndpoint,
) -> None:
    status, answer = await endpoint.post("/v1/embeddings", {})
    assert status == 404
    assert CHAT in said(answer)
    status, answer = await endpoint.get(CHAT)
    assert status == 405
    assert said(answer)


@pytest.mark.parametrize(
    "headers",
    [{"Content-Type": "text/plain"}, {"Content-Encoding": "gzip"}],
)
async def test_a_body_that_is_not_plain_json_by_its_headers_is_a_415(
    endpoint: ApiEndpoint, headers: dict[str, str]
) -> None:
    status, answer = await endpoint.post(CHAT, endpoint.chat(), **headers)
    assert status == 415
    assert "JSON" in said(answer) or "unpacked" in said(answer)


async def test_without_keys_a_foreign_host_name_is_refused(endpoint: ApiEndpoint) -> None:
    status, answer = await endpoint.get("/v1/models", Host="attacker.example")
    assert status == 403
    assert "WORKER_API_SECRETS" in said(answer)


async def test_only_one_of_the_keys_opens_the_endpoint() -> None:
    async with served() as (server, engine):
        await engine.start(lambda _: None)
        async with api_endpoint(engine, keys=("another-key-of-the-worker", KEY)) as endpoint:
            for given in ({}, {"Authorization": f"Bearer {KEY}x"}, {"Authorization": KEY}):
                for path in (CHAT, PLAIN, "/v1/nowhere"):
                    status, answer = await endpoint.post(path, endpoint.chat(), **given)
                    assert status == 401
                    assert "WORKER_API_SECRETS" in said(answer)
            assert server.requests == []
            status, _ = await endpoint.post(CHAT, endpoint.chat(), Authorization=f"bearer {KEY}")
            assert status == 200


@pytest.mark.parametrize("state", [s for s in WorkerState if s is not WorkerState.READY])
async def test_a_worker_that_cannot_answer_is_a_503(
    endpoint: ApiEndpoint, state: WorkerState
) -> None:
    endpoint.state = state
    for status, answer in (
        await endpoint.post(CHAT, endpoint.chat()),
        await endpoint.post(PLAIN, endpoint.plain("a")),
        await endpoint.get("/v1/models"),
    ):
        assert status == 503
        assert said(answer)


async def test_more_requests_than_may_wait_are_told_to_come_back(endpoint: ApiEndpoint) -> None:
    endpoint.start_live(3)
    body = endpoint.chat()
    connector = TCPConnector(limit=0)
    async with ClientSession(connector=connector) as http:

        async def ask() -> tuple[int, str]:
            async with http.post(endpoint.url + CHAT, json=body) as response:
                return response.status, response.headers.get("Retry-After", "")

        asked = [asyncio.create_task(ask()) for _ in range(MAX_WAITING + 3)]
        async with asyncio.timeout(30):
            while endpoint.slots.waiting < MAX_WAITING + 3:
                await asyncio.sleep(0.01)
        status, answer = await endpoint.post(CHAT, body)
        assert status == 429
        assert "waiting" in said(answer)
        assert await ask() == (429, "5")
        await endpoint.end_live()
        assert {status for status, _ in await asyncio.gather(*asked)} == {200}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from(
    [
        *("messages", "prompt", "max_tokens", "temperature", "top_p", "top_k", "seed", "stop"),
        *("stream", "stream_options", "n", "logprobs", "model", "return_token_ids", "tools"),
    ]
)


async def test_no_request_breaks_the_endpoint() -> None:
    async with served() as (server, engine):
        await engine.start(lambda _: None)
        async with api_endpoint(engine) as endpoint:
            await _fuzz(endpoint, server)


async def _fuzz(endpoint: ApiEndpoint, server: EngineServer) -> None:
    bodies: list[tuple[str, dict[str, Any]]] = []

    @settings(max_examples=150, deadline=None, derandomize=True, database=None)
    @given(st.sampled_from((CHAT, PLAIN)), st.dictionaries(FIELDS, JSON, min_size=1, max_size=3))
    def collect(path: str, changed: dict[str, Any]) -> None:
        bodies.append((path, changed))

    collect()
    for path, changed in bodies:
        whole = {**endpoint.chat(), **endpoint.plain("서울은"), **changed}
        data = json.dumps(whole, ensure_ascii=True).encode()
        async with endpoint.http.post(
            endpoint.url + path, data=data, headers={"Content-Type": "application/json"}
        ) as response:
            text = await response.text()
            assert response.status < 500, text
            if response.status != 200:
                assert said(json.loads(text))
