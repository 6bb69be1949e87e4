"""A model that really sees: trained on drawn pictures, it names the colour of others."""

from __future__ import annotations

import asyncio
import base64
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from inference_queue.protocol import Picture
from inference_worker.engines.local.engine import LocalEngine
from tests.support.colour_llava import ANSWERS, COLOURS, jpeg
from tests.support.models import started
from tests.support.seeing_models import a_job, answer

pytestmark = pytest.mark.timeout(600)  # the first run trains the model

UNSEEN = 99  #: a seed that no lesson had
TOKENS = 24


@pytest.fixture(scope="module")
def engine(colour_llava_dir: Path, demo_cache: Path) -> Iterator[LocalEngine]:
    engine = started(str(colour_llava_dir), demo_cache, dtype="float32", slots=4)
    yield engine
    asyncio.run(engine.close())


def a_photo(colour: str, rng: random.Random, size: tuple[int, int] = (640, 480)) -> Picture:
    return Picture("image/jpeg", base64.b64encode(jpeg(colour, rng, size)).decode())


@pytest.mark.parametrize("colour", COLOURS)
async def test_each_colour_is_named_among_shapes_of_others(
    engine: LocalEngine, colour: str
) -> None:
    rng = random.Random(UNSEEN)
    jobs = [a_job("무슨 색이야?", a_photo(colour, rng), tokens=TOKENS) for _ in range(4)]
    answers = await asyncio.gather(*(answer(engine, job) for job in jobs))
    assert [each.text for each in answers] == [ANSWERS[colour]] * len(jobs)


async def test_the_picture_decides_and_not_the_question(engine: LocalEngine) -> None:
    rng = random.Random(UNSEEN)
    jobs = [
        a_job("무슨 색이야?", a_photo(colour, rng, (480, 640)), key="kakao:one", tokens=TOKENS)
        for colour in ("빨간색", "파란색", "빨간색")
    ]
    seen = [(await answer(engine, job)).text for job in jobs]
    assert seen == [ANSWERS["빨간색"], ANSWERS["파란색"], ANSWERS["빨간색"]]
