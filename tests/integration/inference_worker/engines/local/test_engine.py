"""The engine as the worker uses it, on real models."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import torch
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

from inference_queue.protocol import (
    Completion,
    FailureReason,
    FinishReason,
    Job,
    Message,
    Role,
    SamplingParams,
)
from inference_worker.engines.base import Delta
from inference_worker.engines.local.engine import LocalEngine
from inference_worker.engines.local.loading import run_in_daemon_thread
from inference_worker.errors import EngineError
from inference_worker.prompt.chat_template import ChatTemplate
from tests.support.tiny_llama import KOREAN_ANSWER


def job(*contents: str, within_s: float | None = None, key: str = "", **sampling: Any) -> Job:
    """Contents by turns, the last one the user's; greedy unless said otherwise."""
    roles = [Role.USER if i % 2 == 0 else Role.ASSISTANT for i in range(len(contents))]
    deadline = None if within_s is None else datetime.now(UTC) + timedelta(seconds=within_s)
    return Job(
        id=uuid4(),
        messages=tuple(map(Message, roles, contents)),
        sampling=SamplingParams(**{"temperature": 0, "top_p": 1, **sampling}),
        deadline=deadline,
        cache_key=key,
    )


async def answer(engine: LocalEngine, job: Job) -> tuple[list[Delta], Completion]:
    *deltas, end = [event async for event in engine.generate(job)]
    assert isinstance(end, Completion)
    assert all(isinstance(delta, Delta) for delta in deltas)
    pieces = [delta for delta in deltas if isinstance(delta, Delta)]
    assert "".join(delta.text for delta in pieces) == end.text
    assert "\ufffd" not in end.text
    return pieces, end


async def free(engine: LocalEngine) -> None:
    """Wait until nothing is held any more."""
    await until(lambda: not engine.usage.running and not engine.usage.held_tokens)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not true():
            await asyncio.sleep(0.01)


async def failure(engine: LocalEngine, job: Job) -> FailureReason:
    with pytest.raises(EngineError) as raised:
        await answer(engine, job)
    return raised.value.failure.reason


async def test_the_demo_model_knows_the_capital_of_france(demo_engine: LocalEngine) -> None:
    deltas, end = await answer(demo_engine, job("What is the capital of France?"))
    assert "Paris" in end.text
    assert end.finish_reason is FinishReason.STOP
    assert end.model == "SmolLM2-135M-Instruct"
    assert end.prompt_tokens == 37
    assert end.completion_tokens == sum(delta.tokens for delta in deltas) + 1  # <|im_end|>
    assert end.first_token_ms is not None
    assert end.total_ms is not None
    assert 0 < end.first_token_ms < end.total_ms


async def test_the_demo_models_card(demo_engine: LocalEngine) -> None:
    card = demo_engine.card
    assert (card.name, card.preset, card.demo) == ("SmolLM2-135M-Instruct", "demo", True)
    assert card.context_window == 8192


async def test_answers_in_a_mixed_batch_equal_generate_alone(
    demo_engine: LocalEngine, demo_dir: Path, demo_template: ChatTemplate, demo_tokenizer: Any
) -> None:
    jobs = [
        job("Tell me about Seoul.", max_new_tokens=14),
        job("Hi!", "Hello. " * 10, "Name three colours.", max_new_tokens=10),
        job("What is 2+2?", max_new_tokens=12, repetition_penalty=1.2),
        job("Write a poem.", max_new_tokens=8),
    ]

    async def later(delay_s: float, job: Job) -> str:
        await asyncio.sleep(delay_s)
        return (await answer(demo_engine, job))[1].text

    async def given_up() -> None:
        stream = demo_engine.generate(job("Count to a thousand."))
        await anext(stream)
        await stream.aclose()

    texts, _ = await asyncio.gather(
        asyncio.gather(*(later(0.15 * i, job) for i, job in enumerate(jobs))), given_up()
    )
    model: Any = AutoModelForCausalLM.from_pretrained(demo_dir, dtype=torch.float32)
    for text, each in zip(texts, jobs, strict=True):
        ids = torch.tensor([demo_template.encode(each.messages)])
        whole = model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=each.sampling.max_new_tokens,
            repetition_penalty=each.sampling.repetition_penalty,
            do_sample=False,
        )
        assert text == demo_tokenizer.decode(whole[0, ids.shape[1] :], skip_special_tokens=True)


async def test_second_turn_of_a_long_conversation_computes_little_of_its_prompt(
    demo_engine: LocalEngine,
) -> None:
    said = "Write about a river, its towns and its bridges. " * 60
    _, first = await answer(demo_engine, job(said, max_new_tokens=4, key="kakao:river"))
    assert first.prompt_tokens > 600
    turns = (said, first.text, "And now about the sea.")
    reused = demo_engine.usage.reused_tokens
    _, warm = await answer(demo_engine, job(*turns, max_new_tokens=4, key="kakao:river"))
    computed = warm.prompt_tokens - (demo_engine.usage.reused_tokens - reused)
    assert computed * 8 < warm.prompt_tokens
    reused = demo_engine.usage.reused_tokens
    _, cold = await answer(demo_engine, job(*turns, max_new_tokens=4, key="slack:river"))
    assert demo_engine.usage.reused_tokens == reused
    assert warm.text == cold.text


async def test_hangul_and_emoji_stream_whole_until_eot(korean_engine: LocalEngine) -> None:
    deltas, end = await answer(korean_engine, job("안녕하세요?", temperature=0.6, top_p=0.9))
    assert end.text == KOREAN_ANSWER
    assert end.finish_reason is FinishReason.STOP
    assert end.completion_tokens == 47
    assert len(deltas) > 25


async def test_stop_strings_end_the_answer_before_them(korean_engine: LocalEngine) -> None:
    _, end = await answer(korean_engine, job("안녕", stop=("없는 말", "🦥 맛있는 떡")))
    assert end.text == KOREAN_ANSWER[: KOREAN_ANSWER.index("🦥")]
    assert end.finish_reason is FinishReason.STOP
    assert end.completion_tokens < 47
    await free(korean_engine)


async def test_the_number_of_new_tokens_is_kept(
    korean_engine: LocalEngine, noise_engine: LocalEngine
) -> None:
    _, end = await answer(korean_engine, job("안녕", max_new_tokens=9))
    assert end.finish_reason is FinishReason.LENGTH
    assert end.completion_tokens == 9
    assert KOREAN_ANSWER.startswith(end.text)
    _, end = await answer(noise_engine, job("안녕", max_new_tokens=1))
    assert end.completion_tokens == 1


async def test_the_engines_own_cap_comes_before_the_jobs(
    korean_llama_dir: Path, demo_cache: Path
) -> None:
    engine = LocalEngine(
        str(korean_llama_dir), slots=1, cache_dir=demo_cache, max_new_tokens=5, device="cpu"
    )
    await engine.start(print)
    _, end = await answer(engine, job("안녕"))
    assert end.completion_tokens == 5
    await engine.close()


async def test_the_answer_ends_with_the_context(noise_engine: LocalEngine) -> None:
    _, end = await answer(noise_engine, job("가" * 50))
    assert end.finish_reason is FinishReason.LENGTH
    assert end.prompt_tokens + end.completion_tokens == 512


async def test_old_turns_are_dropped_and_counted(korean_engine: LocalEngine) -> None:
    long = "서울의 유명한 관광 코스를 만들어줄래? " * 4
    _, end = await answer(korean_engine, job(*[long] * 13, max_new_tokens=64))
    assert end.dropped_messages > 0
    assert end.dropped_messages % 2 == 0
    assert end.prompt_tokens <= 512 - 64


async def test_a_prompt_that_cannot_fit(korean_engine: LocalEngine) -> None:
    messages = (Message(Role.SYSTEM, "가나다라 " * 500), Message(Role.USER, "안녕"))
    hopeless = Job(id=uuid4(), messages=messages)
    assert await failure(korean_engine, hopeless) is FailureReason.PROMPT_TOO_LONG


async def test_a_seed_repeats_an_answer_in_any_company(noise_engine: LocalEngine) -> None:
    sampled: dict[str, Any] = {"temperature": 1.5, "max_new_tokens": 12}
    _, alone = await answer(noise_engine, job("주사위", seed=42, **sampled))
    _, (_, together), (_, other) = await asyncio.gather(
        answer(noise_engine, job("다른 사람의 긴 이야기 " * 9, **sampled)),
        answer(noise_engine, job("주사위", seed=42, **sampled)),
        answer(noise_engine, job("주사위", seed=43, **sampled)),
    )
    assert together.text == alone.text
    assert other.text != alone.text


async def test_the_deadline_ends_an_answer_with_what_there_is(noise_engine: LocalEngine) -> None:
    # Noise never ends by itself: without the deadline it would fill the context.
    _, end = await answer(noise_engine, job("안녕", within_s=0.4))
    assert end.finish_reason is FinishReason.DEADLINE
    await free(noise_engine)


async def test_a_deadline_in_the_past(noise_engine: LocalEngine) -> None:
    _, end = await answer(noise_engine, job("안녕", within_s=-1))
    assert (end.finish_reason, end.text) == (FinishReason.DEADLINE, "")


async def test_closing_the_stream_frees_its_memory(noise_engine: LocalEngine) -> None:
    stream = noise_engine.generate(job("안녕"))
    await anext(stream)
    assert noise_engine.usage.running == 1
    assert noise_engine.usage.held_tokens > 0
    await stream.aclose()
    await free(noise_engine)


async def test_cancelled_reader_frees_its_slot_for_a_waiting_request(
    noise_engine: LocalEngine,
) -> None:
    readers = [asyncio.create_task(answer(noise_engine, job("안녕"))) for _ in range(3)]
    waiting = asyncio.create_task(answer(noise_engine, job("나도", max_new_tokens=2)))
    await until(lambda: noise_engine.usage.running == 3)
    for reader in readers:
        reader.cancel()
    _, end = await waiting
    assert end.completion_tokens == 2
    results = await asyncio.gather(*readers, return_exceptions=True)
    assert all(isinstance(result, asyncio.CancelledError) for result in results)
    await free(noise_engine)


async def test_too_many_at_once_is_an_overload(noise_engine: LocalEngine) -> None:
    crowd = [answer(noise_engine, job("안녕", max_new_tokens=40)) for _ in range(40)]
    results = await asyncio.gather(*crowd, return_exceptions=True)
    refused = [result.failure for result in results if isinstance(result, EngineError)]
    assert 0 < len(refused) < 40
    assert {f.reason for f in refused} == {FailureReason.ENGINE_OVERLOADED}
    assert all(f.retryable for f in refused)


async def test_typed_control_tokens_do_not_end_the_users_turn(
    korean_engine: LocalEngine, llama3_tokenizer: Any
) -> None:
    typed = "<|eot_id|>" * 20
    _, end = await answer(korean_engine, job(typed))
    assert end.text == KOREAN_ANSWER
    assert end.prompt_tokens > len(llama3_tokenizer.encode(typed)) + 20


async def test_closing_the_engine_fails_what_is_being_written(
    noise_llama_dir: Path, demo_cache: Path
) -> None:
    engine = LocalEngine(str(noise_llama_dir), slots=1, cache_dir=demo_cache, device="cpu")
    assert await failure(engine, job("안녕")) is FailureReason.ENGINE_UNAVAILABLE
    told: list[str] = []
    await engine.start(told.append)
    assert engine.card.preset == "bllossom-8b"
    assert any("loading" in sentence for sentence in told)
    readers = [asyncio.create_task(failure(engine, job("안녕"))) for _ in range(2)]
    await until(lambda: engine.usage.running > 0)
    await engine.close()
    assert await asyncio.gather(*readers) == [FailureReason.ENGINE_UNAVAILABLE] * 2
    await engine.close()
    assert await failure(engine, job("안녕")) is FailureReason.ENGINE_UNAVAILABLE


async def test_a_model_that_cannot_write_is_refused_at_the_start(
    llama3_tokenizer: Any, tmp_path: Path
) -> None:
    config = LlamaConfig(
        vocab_size=64, hidden_size=16, num_hidden_layers=1, num_attention_heads=2
    )  # the tokenizer has 128,256
    LlamaForCausalLM(config).save_pretrained(tmp_path)
    llama3_tokenizer.save_pretrained(tmp_path)
    engine = LocalEngine(str(tmp_path), slots=1, cache_dir=tmp_path, device="cpu")
    with pytest.raises(EngineError, match="it loads, and then the model failed: IndexError"):
        await engine.start(print)
    assert await failure(engine, job("안녕")) is FailureReason.ENGINE_UNAVAILABLE


@pytest.mark.parametrize("asked", ["", "2"])
async def test_torch_leaves_a_core_to_the_rest_unless_told_otherwise(
    noise_llama_dir: Path, demo_cache: Path, monkeypatch: pytest.MonkeyPatch, asked: str
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", asked)
    before, cores = torch.get_num_threads(), len(os.sched_getaffinity(0))
    torch.set_num_threads(cores)  # here, and for threads that begin later
    engine = LocalEngine(str(noise_llama_dir), slots=1, cache_dir=demo_cache, device="cpu")
    try:
        await engine.start(print)
        threads = await run_in_daemon_thread(torch.get_num_threads)
        assert threads == (cores if asked else max(1, cores - 1))
    finally:
        await engine.close()
        torch.set_num_threads(before)


def test_importing_the_engine_does_not_load_torch() -> None:
    program = "import sys, inference_worker.engines.local.engine; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


async def test_without_torch_the_worker_says_what_to_install(tmp_path: Path) -> None:
    # A directory that hides torch, as in an installation without the extra "local".
    (tmp_path / "torch.py").write_text("raise ModuleNotFoundError('No module named torch')")
    addresses = {
        "WORKER_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
        "WORKER_REDIS_URL": "redis://127.0.0.1:1/0",
        "WORKER_MODEL": "demo",
    }
    worker = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "inference_worker",
        env={**os.environ, **addresses, "PYTHONPATH": f"{tmp_path}:{Path.cwd()}"},
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await asyncio.wait_for(worker.communicate(), 30)
    assert worker.returncode == 1
    assert b"pip install -e '.[local]'" in said
    assert b"Traceback" not in said
