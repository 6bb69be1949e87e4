"""Pictures to an external engine: only where its model sees them, and only by the chat route."""

from __future__ import annotations

import base64
import io
from typing import Any

import pytest
from PIL import Image

from fakes.engine_server import engine_server
from inference_queue.protocol import FailureReason, Job, Message, Picture, Role
from inference_worker.engines.base import Vision
from inference_worker.engines.served.discovery import sees
from inference_worker.engines.served.endpoint import EndpointSettings, read_endpoint
from inference_worker.engines.served.estimated_prompt import TOKENS_PER_PICTURE, fit
from inference_worker.errors import EngineError
from tests.support.served_jobs import a_job, an_engine, answer, failure


def a_picture_job() -> Job:
    written = io.BytesIO()
    Image.new("RGB", (64, 48)).save(written, "JPEG")
    picture = Picture("image/jpeg", base64.b64encode(written.getvalue()).decode())
    return a_job(messages=(Message(Role.USER, "이게 뭐야?", (picture,)),))


@pytest.mark.parametrize("dialect", ["vllm", "sglang", "llamacpp", "openai", "tgi"])
async def test_a_model_that_sees_gets_the_picture_beside_the_text(dialect: str) -> None:
    async with (
        engine_server(dialect=dialect, vision=True, strict=True) as server,
        an_engine(server, vision=Vision.TRUE) as engine,
    ):
        assert engine.card.vision
        _, completion = await answer(engine, a_picture_job())
        assert completion.text == "에코: 이게 뭐야? 사진 64x48"


@pytest.mark.parametrize(
    ("dialect", "tells"), [("llamacpp", True), ("sglang", True), ("vllm", False)]
)
async def test_a_server_is_believed_that_says_its_model_sees(dialect: str, tells: bool) -> None:
    for vision in (True, False):
        async with (
            engine_server(dialect=dialect, vision=vision) as server,
            an_engine(server) as engine,
        ):
            assert engine.card.vision == (tells and vision)


async def test_a_text_model_refuses_the_job_for_good_and_is_not_asked() -> None:
    async with (
        engine_server(vision=True) as server,
        an_engine(server, vision=Vision.FALSE) as engine,
    ):
        refused = (await failure(engine, a_picture_job())).failure
        assert refused.reason is FailureReason.NO_VISION
        assert not refused.retryable
        assert not server.requests


@pytest.mark.parametrize(
    ("facts", "vision"),
    [
        ({"capabilities": {"vision": True}}, True),
        ({"architecture": {"input_modalities": ["text", "image"]}}, True),
        ({"architecture": {"input_modalities": ["text"]}}, False),
        ({"modalities": {"vision": "yes"}}, False),
        ({"capabilities": ["completion"]}, False),
        ({}, False),
    ],
)
def test_only_a_clear_word_counts(facts: dict[str, Any], vision: bool) -> None:
    assert sees(facts) == vision


def test_a_picture_takes_room_in_the_context() -> None:
    job = a_picture_job()
    older = (Message(Role.USER, "안녕"), Message(Role.ASSISTANT, "네"))
    long = a_job(messages=(*older, *job.messages), max_new_tokens=100)
    assert fit(long.messages, 100, context_window=TOKENS_PER_PICTURE + 100).dropped == 2
    assert fit(long.messages, 100, context_window=TOKENS_PER_PICTURE + 500).dropped == 0


def test_settings_that_cannot_be_are_a_sentence() -> None:
    settings = EndpointSettings(
        base_url="http://127.0.0.1:1", tokenizer="some/model", vision=Vision.TRUE
    )
    with pytest.raises(EngineError, match="WORKER_TOKENIZER"):
        read_endpoint(settings)


@pytest.mark.parametrize(
    ("model", "vision"),
    [
        ("Bllossom/llama-3.1-Korean-Bllossom-Vision-8B", True),
        ("Bllossom/llama-3.2-Korean-Bllossom-AICA-5B", True),
        ("MLP-KTLim/llama-3-Korean-Bllossom-8B", False),
    ],
)
async def test_a_bllossom_that_sees_is_known_by_its_name(model: str, vision: bool) -> None:
    async with (
        engine_server(dialect="vllm", vision=True, model=model) as server,
        an_engine(server) as engine,
    ):
        assert engine.card.vision == vision
