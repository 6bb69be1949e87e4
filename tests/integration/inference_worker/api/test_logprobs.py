"""How probable tokens are: as transformers computes it, beside the queue's jobs."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from inference_queue.protocol import FailureReason, SamplingParams
from inference_worker.engines.base import PlainRequest
from inference_worker.engines.local.engine import LocalEngine
from inference_worker.engines.token_scores import WantedScores
from inference_worker.errors import EngineError
from tests.support.api import CHAT, PLAIN, ApiEndpoint, api_endpoint

ECHO: dict[str, Any] = {"echo": True, "logprobs": 3, "temperature": 0, "max_tokens": 1}


@pytest.fixture
async def endpoint(demo_engine: LocalEngine) -> AsyncIterator[ApiEndpoint]:
    async with api_endpoint(demo_engine) as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def demo_model(demo_dir: Path) -> Any:
    return AutoModelForCausalLM.from_pretrained(demo_dir, dtype=torch.float32)


@torch.inference_mode()
def expected(model: Any, ids: list[int]) -> torch.Tensor:
    """Log-probabilities of the token after each, (tokens, vocabulary)."""
    scores: torch.Tensor = model(torch.tensor([ids])).logits[0].float().log_softmax(-1)
    return scores


TEXTS = [
    "The capital of France is Paris, and the capital of Germany is Berlin.",
    "대한민국의 수도는 서울이에요. 👩‍👩‍👧 <|im_end|>\n",
    "One, two, three. " * 80,
]


@pytest.mark.parametrize("text", TEXTS, ids=["english", "korean", "several chunks"])
async def test_scores_of_a_prompt_are_those_of_transformers(
    endpoint: ApiEndpoint, demo_model: Any, demo_tokenizer: Any, text: str
) -> None:
    ids = demo_tokenizer(text)["input_ids"]
    status, body = await endpoint.post(PLAIN, endpoint.plain(ids, **ECHO, return_token_ids=True))
    assert status == 200, body
    [choice] = body["choices"]
    got, [written] = choice["logprobs"], choice["token_ids"]
    scores = expected(demo_model, [*ids, written])
    after = torch.tensor([*ids[1:], written])
    own = scores[:-1].gather(1, after[:, None])[:, 0]
    assert got["token_logprobs"][0] is None
    assert got["token_logprobs"][1:] == pytest.approx(own.tolist(), abs=2e-3)
    best = [max(top.values()) for top in got["top_logprobs"][1:]]
    assert best == pytest.approx(scores[:-1].max(-1).values.tolist(), abs=2e-3)
    assert written == int(scores[-2].argmax())
    assert got["token_logprobs"][-1] == best[-1]
    assert choice["text"].startswith(text)
    assert body["usage"] == {
        "prompt_tokens": len(ids),
        "completion_tokens": 1,
        "total_tokens": len(ids) + 1,
    }


async def test_offsets_are_where_tokens_begin_in_the_text(endpoint: ApiEndpoint) -> None:
    _, body = await endpoint.post(PLAIN, endpoint.plain("Seoul 서울 is", **ECHO))
    got, text = body["choices"][0]["logprobs"], body["choices"][0]["text"]
    assert len(got["tokens"]) == len(got["text_offset"])
    for token, offset in zip(got["tokens"], got["text_offset"], strict=True):
        if "\ufffd" not in token:  # part of a character
            assert text[offset : offset + len(token)] == token


async def test_a_prompt_alone_is_scored_without_an_answer(endpoint: ApiEndpoint) -> None:
    """As max_tokens 0 asks."""
    text = "Seoul is the capital of Korea"
    _, body = await endpoint.post(PLAIN, endpoint.plain(text, **{**ECHO, "max_tokens": 0}))
    [choice] = body["choices"]
    assert choice["text"] == text
    assert "".join(choice["logprobs"]["tokens"]) == text
    assert body["usage"]["completion_tokens"] == 0


async def test_a_chat_tells_the_scores_of_its_answer(
    endpoint: ApiEndpoint, demo_model: Any
) -> None:
    asked = endpoint.chat(
        "What is the capital of France?",
        logprobs=True,
        top_logprobs=2,
        temperature=0,
        max_tokens=12,
        return_token_ids=True,
    )
    status, body = await endpoint.post(CHAT, asked)
    assert status == 200, body
    [choice] = body["choices"]
    prompt, answer = body["prompt_token_ids"], choice["token_ids"]
    scores = expected(demo_model, [*prompt, *answer])[len(prompt) - 1 : -1]
    content = choice["logprobs"]["content"]
    own = scores.gather(1, torch.tensor(answer)[:, None])[:, 0]
    assert [one["logprob"] for one in content] == pytest.approx(own.tolist(), abs=2e-3)
    for one, row in zip(content, scores, strict=True):
        values = [other["logprob"] for other in one["top_logprobs"]]
        assert values == pytest.approx(row.topk(2).values.tolist(), abs=2e-3)
        assert bytes(one["bytes"]).decode("utf-8", "replace") == one["token"]
    said = b"".join(bytes(one["bytes"]) for one in content[:-1])
    assert said.decode() == choice["message"]["content"]


async def test_scores_are_the_models_own_whatever_the_temperature_and_the_penalty(
    endpoint: ApiEndpoint,
) -> None:
    plain = endpoint.plain("One two one two one", **ECHO)
    sampled = {**plain, "temperature": 5, "top_p": 0.5, "repetition_penalty": 3.0, "seed": 1}
    answers = [(await endpoint.post(PLAIN, body))[1] for body in (plain, sampled)]
    first, second = (one["choices"][0]["logprobs"]["token_logprobs"][1:-1] for one in answers)
    assert first == pytest.approx(second, abs=1e-3)


async def test_several_prompts_are_scored_beside_answers_that_go_on(
    endpoint: ApiEndpoint, demo_tokenizer: Any
) -> None:
    """Long prompts are scored while others come and go: each has what it has alone."""
    longs = [demo_tokenizer(f"{word} and more. " * 70)["input_ids"] for word in ("Red", "Blue")]
    bodies = [endpoint.plain(ids, **ECHO) for ids in longs]
    asked = endpoint.chat("Count to ten.", temperature=0, max_tokens=24)
    alone = [(await endpoint.post(PLAIN, body))[1] for body in bodies]
    answer = (await endpoint.post(CHAT, asked))[1]
    first, second, *chats = await asyncio.gather(
        *(endpoint.post(PLAIN, body) for body in bodies),
        *(endpoint.post(CHAT, asked) for _ in range(4)),
    )
    for (status, got), lonely in zip((first, second), alone, strict=True):
        assert status == 200
        expected = lonely["choices"][0]["logprobs"]["token_logprobs"]
        scores = got["choices"][0]["logprobs"]["token_logprobs"]
        assert scores[1:] == pytest.approx(expected[1:], abs=2e-3)
    for status, got in chats:
        assert status == 200
        assert got["choices"][0]["message"] == answer["choices"][0]["message"]


async def test_a_live_job_takes_the_slot_of_a_prompt_that_is_scored(
    demo_engine: LocalEngine, demo_tokenizer: Any
) -> None:
    """It is scored again, and from its beginning, once the live jobs have ended."""
    ids = demo_tokenizer("Nothing is lost. " * 120)["input_ids"]
    async with api_endpoint(demo_engine, slots=2) as endpoint:
        asked = asyncio.create_task(endpoint.post(PLAIN, endpoint.plain(ids, **ECHO)))
        while not demo_engine.usage.running:
            await asyncio.sleep(0.001)
        endpoint.start_live(2)
        while len(endpoint.slots):
            await asyncio.sleep(0.001)
        assert not asked.done()
        await endpoint.end_live()
        status, body = await asked
    assert status == 200
    scores = body["choices"][0]["logprobs"]["token_logprobs"]
    assert len(scores) == len(ids) + 1
    assert all(math.isfinite(one) for one in scores[1:])


async def test_a_prompt_that_is_not_scored_to_its_end_in_time_is_no_answer(
    demo_engine: LocalEngine, demo_tokenizer: Any
) -> None:
    """lm_eval would take the sum of a part for that of all."""
    ids = tuple(demo_tokenizer("Nothing is lost. " * 120)["input_ids"])
    plain = PlainRequest(
        prompt=ids,
        sampling=SamplingParams(max_new_tokens=1),
        deadline=datetime.now(UTC),
    )
    with pytest.raises(EngineError) as caught:
        async for _ in demo_engine.score(plain, WantedScores(prompt=True)):
            pass
    assert caught.value.failure.reason is FailureReason.EXPIRED


@pytest.mark.parametrize(
    ("route", "fields", "param"),
    [
        (PLAIN, {"logprobs": 21}, "logprobs"),
        (PLAIN, {"logprobs": True}, "logprobs"),
        (PLAIN, {"logprobs": 1, "stream": True}, "stream"),
        (PLAIN, {"echo": True, "stream": True}, "stream"),
        (PLAIN, {"max_tokens": 0}, "max_tokens"),
        (PLAIN, {"echo": True, "prompt": ["서울 " * 10_000] * 3, "logprobs": 20}, "prompt"),
        (PLAIN, {"prompt": ["서울"] * 3, "logprobs": 20, "max_tokens": 8192}, "prompt"),
        (CHAT, {"top_logprobs": 3}, "top_logprobs"),
        (CHAT, {"logprobs": True, "top_logprobs": 10**9}, "top_logprobs"),
        (CHAT, {"logprobs": True, "stream": True}, "stream"),
        (CHAT, {"echo": True}, "echo"),
        (CHAT, {"logprobs": 1}, "logprobs"),
    ],
)
async def test_what_cannot_be_scored_is_a_sentence(
    endpoint: ApiEndpoint, route: str, fields: dict[str, Any], param: str
) -> None:
    body = endpoint.chat() if route == CHAT else endpoint.plain("서울")
    status, answer = await endpoint.post(route, {**body, **fields})
    assert status == 400
    assert answer["error"]["param"] == param
    assert answer["error"]["message"].endswith(".")
