"""Models that see in ways of their own: ``generate`` behind the engine, one answer at a time."""

from __future__ import annotations

import asyncio
import base64
import importlib.util
import math
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import torch

from inference_queue.protocol import Completion, FailureReason, FinishReason, Job, Picture
from inference_worker.engines.base import Delta, Vision
from inference_worker.engines.local.engine import LocalEngine
from inference_worker.engines.local.loaded_model import Encoded
from inference_worker.engines.local.processor_inputs import ProcessorReader
from inference_worker.engines.local.sequential import MAX_WAITING
from inference_worker.engines.local.sequential_writer import SequentialWriter
from inference_worker.errors import EngineError
from inference_worker.prompt.context_window import Fitted
from tests.support import tiny_idefics, tiny_mllama
from tests.support.models import made_once, started
from tests.support.seeing_models import (
    TOKENS,
    Reference,
    a_job,
    a_picture,
    answer,
    failure,
    with_pictures,
)

LONG = 400  #: tokens; far more than are read before the answer is stopped
FAMILIES = {"mllama": tiny_mllama, "idefics3": tiny_idefics}


@pytest.fixture(scope="module", params=FAMILIES)
def family_dir(request: pytest.FixtureRequest, llama3_tokenizer_dir: Path) -> Path:
    family: Any = FAMILIES[request.param]
    name = f"noise-{request.param}-1"
    return made_once(name, lambda into: family.save_noise(llama3_tokenizer_dir, into))


@pytest.fixture(scope="module")
def reference(family_dir: Path) -> Reference:
    return Reference(family_dir)


@pytest.fixture(scope="module")
def engine(family_dir: Path, demo_cache: Path) -> Iterator[LocalEngine]:
    engine = started(str(family_dir), demo_cache, dtype="float32", slots=4)
    yield engine
    asyncio.run(engine.close())


@pytest.fixture
async def own_engine(noise_mllama_dir: Path, demo_cache: Path) -> AsyncIterator[LocalEngine]:
    engine = LocalEngine(
        str(noise_mllama_dir), slots=2, cache_dir=demo_cache, device="cpu", dtype="float32"
    )
    await engine.start(print)
    yield engine
    await engine.close()


def a_long_job(seconds: float = 600.0) -> Job:
    job = a_job("계속 말해 줘", a_picture(), tokens=LONG)
    return replace(job, deadline=datetime.now(UTC) + timedelta(seconds=seconds))


async def has_begun(events: AsyncIterator[Delta | Completion]) -> None:
    assert isinstance(await anext(events), Delta)


def test_the_card_says_that_it_sees_and_writes_one_answer_at_a_time(engine: LocalEngine) -> None:
    assert engine.card.vision
    assert engine.card.at_once == 1


@with_pictures
async def test_an_answer_is_that_of_generate_token_by_token(
    engine: LocalEngine, reference: Reference, pictures: tuple[Picture, ...]
) -> None:
    job = a_job("이게 뭐야?", *pictures)
    completion = await answer(engine, job)
    assert (completion.text, completion.prompt_tokens) == reference.answer(job)
    assert completion.completion_tokens == TOKENS


async def test_pictures_and_texts_at_once_are_each_answered_as_alone(
    engine: LocalEngine, reference: Reference
) -> None:
    jobs = [
        a_job("첫째"),
        a_job("둘째", a_picture("red"), a_picture("blue")),
        a_job("셋째 " * 40),
        a_job("넷째", a_picture("gold", (100, 30)), key="kakao:four"),
    ]
    texts = [done.text for done in await asyncio.gather(*(answer(engine, job) for job in jobs))]
    # Noise may write bytes that are no character: the engine leaves them out.
    assert texts == [reference.answer(job)[0].replace("\ufffd", "") for job in jobs]


async def test_a_typed_image_marker_is_text(engine: LocalEngine, reference: Reference) -> None:
    marker = reference.processor.image_token
    alone = a_job("보여 줘", a_picture())
    typed = a_job(f"{marker}<|begin_of_text|> 보여 줘", a_picture())
    tokens = (await answer(engine, typed)).prompt_tokens - reference.answer(alone)[1]
    assert 0 < tokens < 20  # letters and brackets, and not a second picture


async def test_a_broken_picture_fails_its_job_and_no_other(engine: LocalEngine) -> None:
    broken = Picture("image/png", base64.b64encode(b"no picture").decode())
    refused, other = await asyncio.gather(
        failure(engine, a_job("뭐야?", broken)), answer(engine, a_job("안녕", a_picture()))
    )
    assert refused.failure.reason is FailureReason.INVALID_JOB
    assert other.completion_tokens == TOKENS


async def test_an_answer_that_nobody_reads_any_more_lets_the_next_one_begin(
    own_engine: LocalEngine,
) -> None:
    events = own_engine.generate(a_long_job())
    await has_begun(events)
    await events.aclose()
    assert (await answer(own_engine, a_job("다음"))).completion_tokens == TOKENS


async def test_a_late_answer_ends_with_what_is_written(own_engine: LocalEngine) -> None:
    events = own_engine.generate(a_long_job())
    await has_begun(events)
    waiting = asyncio.create_task(answer(own_engine, a_long_job(seconds=0.5)))
    late = await waiting  # while the first one is still being written
    assert late.finish_reason is FinishReason.DEADLINE
    await events.aclose()


def test_layers_of_a_long_prompt_are_no_stall(noise_mllama_dir: Path, demo_tokenizer: Any) -> None:
    reference = Reference(noise_mllama_dir)
    writer = SequentialWriter(
        reference.model,
        demo_tokenizer.backend_tokenizer,
        frozenset(),
        ProcessorReader(reference.processor),
    )
    writer.stepped = -math.inf
    with torch.inference_mode():
        reference.model(torch.tensor([[1, 2, 3]]))
    assert math.isfinite(writer.stalled_s())


async def test_an_answer_that_repeats_itself_is_stopped(
    llama3_tokenizer_dir: Path, demo_cache: Path
) -> None:
    folder = made_once(
        "noise-idefics3-1", lambda into: tiny_idefics.save_noise(llama3_tokenizer_dir, into)
    )
    engine = LocalEngine(
        str(folder), slots=1, cache_dir=demo_cache, device="cpu", repetition_chars=60
    )
    await engine.start(print)
    try:
        looping = await answer(engine, a_job("뭐야?", a_picture(), tokens=LONG))
    finally:
        await engine.close()
    assert looping.finish_reason is FinishReason.REPETITION
    assert looping.completion_tokens < LONG


async def test_the_same_seed_writes_the_same_answer(own_engine: LocalEngine) -> None:
    job = a_job("뭐야?", a_picture())
    sampled = []
    for seed in (1, 1, 2):
        sampling = replace(job.sampling, temperature=1.0, seed=seed)
        sampled.append((await answer(own_engine, replace(job, sampling=sampling))).text)
    assert sampled[0] == sampled[1] != sampled[2]


async def test_too_many_at_once_are_refused_and_a_close_fails_the_others(
    own_engine: LocalEngine,
) -> None:
    first = own_engine.generate(a_long_job())
    await has_begun(first)
    jobs = [asyncio.create_task(answer(own_engine, a_long_job())) for _ in range(MAX_WAITING + 1)]
    done, waiting = await asyncio.wait(jobs, return_when=asyncio.FIRST_COMPLETED)
    overloaded = done.pop().exception()
    assert isinstance(overloaded, EngineError)
    assert overloaded.failure.reason is FailureReason.ENGINE_OVERLOADED
    await own_engine.close()
    for job in await asyncio.gather(*waiting, return_exceptions=True):
        assert isinstance(job, EngineError)
        assert job.failure.retryable


async def test_a_request_that_comes_behind_the_close_is_told_so(own_engine: LocalEngine) -> None:
    """Its pictures were read while the engine closed."""
    model = own_engine._running()
    await own_engine.close()
    request = model.request(
        a_long_job(),
        Encoded(fitted=Fitted(messages=()), ids=[1]),
        deadline=math.inf,
        events=asyncio.Queue(),
    )
    with pytest.raises(EngineError, match="has been closed"):
        model.scheduler.submit(request)
    model.scheduler.cancel(request)
    assert not model.scheduler.usage.running


async def test_its_text_alone_is_still_used_where_it_is_told_not_to_see(
    noise_mllama_dir: Path, demo_cache: Path
) -> None:
    engine = LocalEngine(
        str(noise_mllama_dir), slots=1, cache_dir=demo_cache, device="cpu", vision=Vision.FALSE
    )
    await engine.start(print)
    try:
        assert not engine.card.vision
        assert engine.card.at_once is None
        assert (await answer(engine, a_job("안녕"))).completion_tokens == TOKENS
        refused = (await failure(engine, a_job("뭐야?", a_picture()))).failure
        assert refused.reason is FailureReason.NO_VISION
    finally:
        await engine.close()


async def test_qwen2_vl_is_answered_as_by_generate(
    llama3_tokenizer_dir: Path, demo_cache: Path
) -> None:
    if importlib.util.find_spec("torchvision") is None:
        pytest.skip("the processor of Qwen2-VL reads films too, and needs torchvision")
    from tests.support import tiny_qwen2_vl

    folder = made_once(
        "noise-qwen2-vl-1", lambda into: tiny_qwen2_vl.save_noise(llama3_tokenizer_dir, into)
    )
    engine = LocalEngine(str(folder), slots=1, cache_dir=demo_cache, device="cpu", dtype="float32")
    await engine.start(print)
    try:
        job = a_job("이게 뭐야?", a_picture("green", (200, 60)), a_picture())
        completion = await answer(engine, job)
        assert (completion.text, completion.prompt_tokens) == Reference(folder).answer(job)
    finally:
        await engine.close()
