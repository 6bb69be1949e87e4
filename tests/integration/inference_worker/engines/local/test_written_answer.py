"""What people see of an answer that a model in this process writes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from inference_queue.protocol import Completion, FinishReason, Job, Message, Role, SamplingParams
from inference_worker.engines.base import Delta
from inference_worker.engines.local.engine import LocalEngine
from tests.support import tiny_llama


@asynccontextmanager
async def a_model(
    tokenizer_dir: Path, tmp_path: Path, text: str, *, endless: bool = False, **options: Any
) -> AsyncIterator[LocalEngine]:
    into = tmp_path / "model"
    await asyncio.to_thread(tiny_llama.save_answer, tokenizer_dir, into, text, endless=endless)
    engine = LocalEngine(str(into), slots=1, cache_dir=tmp_path, device="cpu", **options)
    await engine.start(lambda _step: None)
    try:
        yield engine
    finally:
        await engine.close()


async def answer(engine: LocalEngine, *messages: Message) -> tuple[str, Completion]:
    """The streamed text and the completion."""
    sampling = SamplingParams(temperature=0, top_p=1, max_new_tokens=400)
    job = Job(id=uuid4(), messages=(*messages, Message(Role.USER, "안녕")), sampling=sampling)
    *deltas, last = [event async for event in engine.generate(job)]
    assert isinstance(last, Completion)
    return "".join(delta.text for delta in deltas if isinstance(delta, Delta)), last


async def test_reasoning_is_neither_streamed_nor_answered(
    llama3_tokenizer_dir: Path, tmp_path: Path
) -> None:
    text = "[THINK]\n인사한다.[/think]반가워요!"  # no token comes twice
    async with a_model(llama3_tokenizer_dir, tmp_path, text) as engine:
        streamed, last = await answer(engine)
    assert streamed == last.text == "반가워요!"
    assert last.reasoning == "인사한다."


async def test_an_endless_answer_is_stopped_and_its_repeats_are_cut(
    llama3_tokenizer_dir: Path, tmp_path: Path
) -> None:
    passage = "서울 남산과 경복궁에 가 보세요. "
    async with a_model(
        llama3_tokenizer_dir, tmp_path, passage, endless=True, repetition_chars=120
    ) as engine:
        _, last = await answer(engine)
        assert last.finish_reason is FinishReason.REPETITION
        assert last.text == passage.strip()
        assert last.completion_tokens < 400
        async with asyncio.timeout(30):
            while engine.usage.running:
                await asyncio.sleep(0.01)
