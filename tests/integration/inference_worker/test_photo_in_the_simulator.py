"""A photo in the simulator's Kakao pane, seen and answered by a model in the worker."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page

from bot.messengers.kakao import picture_receiver
from inference_worker.engines.local.engine import LocalEngine
from tests.support.colour_llava import ANSWERS, jpeg
from tests.support.photo_answers import send_photo
from tests.support.simulated_stack import simulated_stack

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]  # the first run trains the model


@pytest.fixture
async def origin(
    database_url: str,
    redis_url: str,
    colour_llava_dir: Path,
    demo_cache: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[str]:
    monkeypatch.setattr(picture_receiver, "FETCH_S", 20.0)  # a busy machine
    engine = LocalEngine(
        str(colour_llava_dir), slots=2, cache_dir=demo_cache, device="cpu", dtype="float32"
    )
    async with simulated_stack(database_url, redis_url, engine=engine) as (address, _):
        yield address


async def test_a_photo_is_answered_with_what_the_model_sees_in_it(
    origin: str, browser_page: Page
) -> None:
    await browser_page.goto(f"{origin}/simulator")
    rng = random.Random(5)
    for colour in ("빨간색", "파란색"):
        await send_photo(browser_page, jpeg(colour, rng), ANSWERS[colour])
