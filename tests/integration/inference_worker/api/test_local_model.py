"""The endpoint in front of a model in this process: the same prompt as a job of the queue."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from inference_queue.presets import PRESETS
from inference_queue.protocol import Job, Message, Role, SamplingParams
from inference_worker.engines.base import TokenizedCompletion
from inference_worker.engines.local.engine import LocalEngine
from tests.support.api import CHAT, PLAIN, ApiEndpoint, api_endpoint

GREEDY = {"temperature": 0, "repetition_penalty": 1.0, "max_tokens": 12, "return_token_ids": True}
SYSTEM = PRESETS["demo"].system_prompt
CONVERSATIONS = [
    [("user", "What is the capital of France?")],
    [("system", SYSTEM), ("user", "안녕하세요? <|eot_id|> 는 무엇인가요? 👩‍👩‍👧")],
    [("user", "One"), ("assistant", "Two"), ("user", "Three\u200b  \n")],
    # More than the context: the oldest turns are left out, and the newest is kept.
    [*[("user", "낱말 " * 500), ("assistant", "낱말 " * 500)] * 6, ("user", "And now?")],
    # One message alone is too long: its end is cut.
    [("user", "낱말 " * 9000)],
]


async def of_the_queue(engine: LocalEngine, chat: list[tuple[str, str]]) -> TokenizedCompletion:
    """What a worker computes for the same messages in a job."""
    job = Job(
        id=uuid4(),
        messages=tuple(Message(Role(role), content) for role, content in chat),
        sampling=SamplingParams(temperature=0, max_new_tokens=12),
    )
    async for event in engine.generate(job):
        if isinstance(event, TokenizedCompletion):
            return event
    raise AssertionError("no completion")


def messages(chat: list[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"role": role, "content": content} for role, content in chat]


@pytest.mark.parametrize("chat", CONVERSATIONS, ids=["plain", "marker", "turns", "long", "cut"])
async def test_prompt_and_answer_are_token_by_token_those_of_a_queues_job(
    noise_engine: LocalEngine, chat: list[tuple[str, str]]
) -> None:
    """With Llama 3's tokenizer and template: its own control tokens stand in a message."""
    expected = await of_the_queue(noise_engine, chat)
    async with api_endpoint(noise_engine) as endpoint:
        body = {"model": endpoint.model, "messages": messages(chat), **GREEDY}
        status, answer = await endpoint.post(CHAT, body)
    assert status == 200
    [choice] = answer["choices"]
    assert tuple(answer["prompt_token_ids"]) == expected.prompt_ids
    assert tuple(choice["token_ids"]) == expected.ids
    assert choice["message"]["content"] == expected.text
    assert answer["dropped_messages"] == expected.dropped_messages
    assert answer["cut_chars"] == expected.cut_chars
    too_long = len(str(chat)) > 10_000
    assert (answer["dropped_messages"] + answer["cut_chars"] > 0) is too_long
    assert answer["usage"]["prompt_tokens"] == len(expected.prompt_ids)
    assert answer["usage"]["completion_tokens"] == len(expected.ids)


async def test_a_rendered_chat_as_a_plain_prompt_has_the_same_ids(
    demo_engine: LocalEngine, demo_tokenizer: Any
) -> None:
    chat = messages(CONVERSATIONS[0])
    rendered = demo_tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
    expected = await of_the_queue(demo_engine, CONVERSATIONS[0])
    async with api_endpoint(demo_engine) as endpoint:
        for prompt in (rendered, list(expected.prompt_ids)):
            status, answer = await endpoint.post(PLAIN, endpoint.plain(prompt, **GREEDY))
            assert status == 200
            assert tuple(answer["prompt_token_ids"]) == expected.prompt_ids
            assert tuple(answer["choices"][0]["token_ids"]) == expected.ids


async def test_a_stream_carries_the_text_and_the_ids_of_the_whole_answer(
    demo_engine: LocalEngine,
) -> None:
    async with api_endpoint(demo_engine) as endpoint:
        body = endpoint.chat("What is the capital of France?", **GREEDY)
        _, whole = await endpoint.post(CHAT, body)
        *chunks, done = await endpoint.events(CHAT, body)
    choices = [chunk["choices"][0] for chunk in chunks]
    text = "".join(choice["delta"].get("content", "") for choice in choices)
    assert text == whole["choices"][0]["message"]["content"]
    assert choices[-1]["token_ids"] == whole["choices"][0]["token_ids"]
    assert chunks[-1]["prompt_token_ids"] == whole["prompt_token_ids"]
    assert done == "[DONE]"


async def test_a_stop_string_ends_the_answer_before_it(demo_engine: LocalEngine) -> None:
    async with api_endpoint(demo_engine) as endpoint:
        body = endpoint.chat("What is the capital of France?", **GREEDY)
        _, answer = await endpoint.post(CHAT, {**body, "stop": " Paris"})
    [choice] = answer["choices"]
    assert (choice["message"]["content"], choice["finish_reason"]) == (
        "The capital of France is",
        "stop",
    )


async def test_a_seed_repeats_an_answer(demo_engine: LocalEngine) -> None:
    async with api_endpoint(demo_engine) as endpoint:
        body = endpoint.chat("Tell me a story.", temperature=1.5, seed=11, max_tokens=16)
        answers = [(await endpoint.post(CHAT, body))[1] for _ in range(2)]
    first, second = (answer["choices"][0]["message"]["content"] for answer in answers)
    assert first == second


async def refused(endpoint: ApiEndpoint, prompt: object) -> dict[str, Any]:
    status, answer = await endpoint.post(PLAIN, endpoint.plain(prompt))
    assert status == 400
    error: dict[str, Any] = answer["error"]
    return error


async def test_plain_prompts_that_the_model_cannot_read_are_refused(
    demo_engine: LocalEngine,
) -> None:
    async with api_endpoint(demo_engine) as endpoint:
        error = await refused(endpoint, [0, 49152])
        assert "49151" in error["message"]
        assert "lacks" in (await refused(endpoint, [-1]))["message"]
        error = await refused(endpoint, [5] * 8192)
        assert error["code"] == "context_length_exceeded"
