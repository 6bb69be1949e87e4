"""A model that sees in this process: what it writes about pictures, alone and beside others."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForImageTextToText

from inference_queue.protocol import FailureReason, Job, Picture
from inference_worker.engines.base import Vision
from inference_worker.engines.local.batch import Batch
from inference_worker.engines.local.engine import LocalEngine
from inference_worker.engines.local.ragged import gathered
from inference_worker.engines.local.vision import PictureReader, seen
from inference_worker.engines.registry import choose_engine
from inference_worker.engines.token_scores import ScoredCompletion, WantedScores
from inference_worker.errors import EngineError
from inference_worker.prompt.chat_template import ChatTemplate
from inference_worker.prompt.visual_tokens import WithPictures
from inference_worker.settings import WorkerSettings
from tests.support import tiny_llava
from tests.support.models import started
from tests.support.seeing_models import (
    TOKENS,
    Reference,
    a_job,
    a_picture,
    answer,
    failure,
    with_pictures,
)


@pytest.fixture(scope="module")
def reference(noise_llava_dir: Path) -> Reference:
    return Reference(noise_llava_dir)


@pytest.fixture(scope="module")
def engine(noise_llava_dir: Path, demo_cache: Path) -> Iterator[LocalEngine]:
    engine = started(str(noise_llava_dir), demo_cache, dtype="float32", slots=4)
    yield engine
    asyncio.run(engine.close())


def test_the_card_says_that_it_sees(engine: LocalEngine) -> None:
    assert engine.card.vision
    assert engine.card.context_window == 1024


@with_pictures
async def test_an_answer_is_that_of_generate_token_by_token(
    engine: LocalEngine, reference: Reference, pictures: tuple[Picture, ...]
) -> None:
    job = a_job("이게 뭐야?", *pictures)
    completion = await answer(engine, job)
    assert (completion.text, completion.prompt_tokens) == reference.answer(job)


async def test_a_picture_is_answered_and_scored_with_the_adapter_that_its_job_names(
    noise_llava_dir: Path, demo_cache: Path, tmp_path: Path
) -> None:
    torch.manual_seed(5)
    bare, adapted = Reference(noise_llava_dir), Reference(noise_llava_dir)
    layers = r".*language_model.*\.(q_proj|v_proj|down_proj)"
    config = LoraConfig(r=4, lora_alpha=64, target_modules=layers, init_lora_weights=False)
    adapted.model = get_peft_model(adapted.model, config).eval()
    adapted.model.save_pretrained(str(tmp_path))
    engine = LocalEngine(
        str(noise_llava_dir),
        slots=4,
        cache_dir=demo_cache,
        device="cpu",
        dtype="float32",
        adapters={"support": str(tmp_path)},
    )
    await engine.start(print)
    try:
        asked = [
            (replace(a_job(words, *pictures), adapter=name), bare if name == "" else adapted)
            for words, pictures in (("이게 뭐야?", (a_picture(),)), ("안녕", ()))
            for name in ("", "support")
        ]
        done = await asyncio.gather(*(_scored(engine, job) for job, _ in asked))
    finally:
        await engine.close()
    for (job, reference), completion in zip(asked, done, strict=True):
        assert (completion.text, completion.prompt_tokens) == reference.answer(job)
        assert len(completion.scores) == TOKENS
    assert len({completion.text for completion in done}) == len(done)


async def _scored(engine: LocalEngine, job: Job) -> ScoredCompletion:
    *_, end = [event async for event in engine.score(job, WantedScores(top=1))]
    assert isinstance(end, ScoredCompletion)
    return end


async def test_pictures_and_texts_at_once_are_each_answered_as_alone(
    engine: LocalEngine, reference: Reference
) -> None:
    jobs = [
        a_job("첫째", tokens=20),
        a_job("둘째", a_picture("red"), a_picture("blue")),
        a_job("셋째 " * 40, tokens=12),
        a_job("넷째", a_picture("gold", (100, 30)), key="kakao:four"),
    ]
    texts = [done.text for done in await asyncio.gather(*(answer(engine, job) for job in jobs))]
    assert texts == [reference.answer(job)[0] for job in jobs]


async def test_another_picture_in_the_same_conversation_is_not_the_first_one(
    engine: LocalEngine, reference: Reference
) -> None:
    first, second = (a_job("뭐야?", a_picture(c), key="kakao:same") for c in ("red", "blue"))
    assert (await answer(engine, first)).text == reference.answer(first)[0]
    assert (await answer(engine, second)).text == reference.answer(second)[0]


async def test_a_typed_image_marker_is_text(engine: LocalEngine, reference: Reference) -> None:
    alone = a_job("보여 줘", a_picture())
    typed = a_job(f"{tiny_llava.IMAGE} 보여 줘", a_picture())
    tokens = (await answer(engine, typed)).prompt_tokens - reference.answer(alone)[1]
    assert 0 < tokens < 10  # letters and brackets, and not a second picture


async def test_pictures_that_do_not_fit_the_window_are_refused_in_a_sentence(
    noise_llava_dir: Path, demo_cache: Path
) -> None:
    engine = LocalEngine(
        str(noise_llava_dir), slots=1, cache_dir=demo_cache, device="cpu", kv_tokens=256
    )
    await engine.start(print)
    try:
        pictures = tuple(a_picture(colour) for colour in ("red", "lime", "navy", "gold"))
        refused = (await failure(engine, a_job("다 뭐야?", *pictures))).failure
        assert refused.reason is FailureReason.PROMPT_TOO_LONG
        assert "the pictures take" in refused.message
        assert (await answer(engine, a_job("안녕"))).completion_tokens
    finally:
        await engine.close()


@pytest.mark.parametrize(
    "content",
    [b"no picture", b"\x89PNG\r\n\x1a\n" + b"\0" * 64],
    ids=["not of the type it says", "broken"],
)
async def test_a_broken_picture_fails_its_job_and_no_other(
    engine: LocalEngine, content: bytes
) -> None:
    broken = Picture("image/png", base64.b64encode(content).decode())
    refused, other = await asyncio.gather(
        failure(engine, a_job("뭐야?", broken)), answer(engine, a_job("안녕", a_picture()))
    )
    assert refused.failure.reason is FailureReason.INVALID_JOB
    assert not refused.failure.retryable
    assert other.completion_tokens == TOKENS


async def test_a_bomb_is_refused_by_its_header(engine: LocalEngine) -> None:
    refused = (await failure(engine, a_job("뭐야?", a_picture(size=(2049, 2048))))).failure
    assert refused.reason is FailureReason.INVALID_JOB
    assert "2049x2048" in refused.message


async def test_a_model_told_not_to_see_answers_texts_and_refuses_pictures(
    noise_llava_dir: Path, demo_cache: Path
) -> None:
    settings = WorkerSettings(
        _env_file=None,
        engine="local",
        model=str(noise_llava_dir),
        device="cpu",
        data_dir=demo_cache.parent,
        vision=Vision.FALSE,
    )
    _, engine = choose_engine(settings)
    assert isinstance(engine, LocalEngine)
    await engine.start(print)
    try:
        assert not engine.card.vision
        assert (await answer(engine, a_job("안녕"))).completion_tokens == TOKENS
        refused = (await failure(engine, a_job("뭐야?", a_picture()))).failure
        assert refused.reason is FailureReason.NO_VISION
    finally:
        await engine.close()


async def test_a_text_model_that_is_to_see_does_not_start(
    noise_llama_dir: Path, demo_cache: Path
) -> None:
    engine = LocalEngine(
        str(noise_llama_dir), slots=1, cache_dir=demo_cache, device="cpu", vision=Vision.TRUE
    )
    with pytest.raises(EngineError, match="reads text only"):
        await engine.start(print)


def test_steps_at_fixed_shapes_go_on_beside_a_picture(
    noise_llava_dir: Path, reference: Reference
) -> None:
    """As on a GPU: steps with pictures use masks, all others the kernel, over the same memory."""
    models: Any = AutoModelForImageTextToText
    model = models.from_pretrained(noise_llava_dir, dtype=torch.float32)
    batch = Batch(model, max_slots=4, budget=4 * 512, prefill_chunk=32, kernel=gathered)
    reader = PictureReader(reference.processor)
    template = ChatTemplate(reference.processor.tokenizer, picture=tiny_llava.IMAGE)
    jobs = [a_job("첫째", tokens=20), a_job("둘째", a_picture()), a_job("셋째", tokens=12)]
    slots = []
    for job in jobs:
        pixels = {one: reader.read(one) for one in job.messages[-1].pictures}
        sizes = {one: each.tokens for one, each in pixels.items()}
        ids = WithPictures(template, sizes).encode(job.messages)
        looked = [seen(model, each) for each in pixels.values()]
        slot = batch.add(
            ids, job.sampling, need=len(ids) + 24, seen=torch.cat(looked) if looked else None
        )
        slots.append((slot, len(ids)))
        batch.step()
    while any(len(slot.tokens) < length + 20 for slot, length in slots):
        batch.step()
    for job, (slot, length) in zip(jobs, slots, strict=True):
        written = slot.tokens[length : length + job.sampling.max_new_tokens]
        text = reference.processor.tokenizer.decode(written, skip_special_tokens=True)
        assert (text, length) == reference.answer(job)
