"""The picture of a photo that a model sees: ``python -m tests.support.photo_answers``.

The real bot and a worker with the tiny model of ``colour_llava``, which is trained first where it
is not in the cache. Needs Chromium.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
from pathlib import Path

from playwright.async_api import Page, async_playwright, expect

from bot.messengers.kakao import picture_receiver
from bot.store.migrations import migrate
from inference_worker.engines.local.engine import LocalEngine
from onebox.embedded_servers import embedded_postgres, embedded_valkey
from tests.support import colour_llava, llama3_tokenizer, tiny_llava
from tests.support.browser import ARGS, chromium
from tests.support.models import CACHE, made_once
from tests.support.simulated_stack import simulated_stack

IMAGE = Path(__file__).parents[2] / "docs/images/photo.png"
ANSWERED_S = 60.0
SHOWN = ("빨간색", "파란색", "노란색")


async def send_photo(page: Page, photo: bytes, answer: str) -> None:
    """Choose a photo in the Kakao pane, and wait for its answer."""
    # The first answer has a bubble of its own that names the AI.
    answers = page.locator("#kakao-log .theirs .bubble").filter(has_text=answer)
    before = await answers.count()
    file = {"name": "사진.jpg", "mimeType": "image/jpeg", "buffer": photo}
    await page.set_input_files("#kakao-upload", file)  # type: ignore[arg-type]
    await expect(answers).to_have_count(before + 1, timeout=ANSWERED_S * 1000)


async def draw(page: Page, origin: str) -> None:
    """Some photos in the Kakao pane, each with its answer."""
    await page.goto(f"{origin}/simulator")
    rng = random.Random(5)
    for colour in SHOWN:
        await send_photo(page, colour_llava.jpeg(colour, rng), colour_llava.ANSWERS[colour])
    await page.evaluate("document.activeElement?.blur()")
    await page.locator(".pane.kakao").screenshot(path=IMAGE)


def trained() -> Path:
    """The model's folder."""
    tokenizer = made_once("llama3-tokenizer", llama3_tokenizer.convert)
    noise = made_once("noise-llava-1", lambda into: tiny_llava.save_noise(tokenizer, into))
    return made_once("colour-llava-2", lambda into: colour_llava.save_trained(noise, into))


async def main() -> None:
    """Make it."""
    picture_receiver.FETCH_S = 20.0  # a busy machine
    folder = await asyncio.to_thread(trained)
    engine = LocalEngine(str(folder), slots=2, cache_dir=CACHE, device="cpu", dtype="float32")
    with tempfile.TemporaryDirectory(prefix="bot-photo-") as servers:
        async with (
            embedded_postgres(Path(servers), durable=False) as database,
            embedded_valkey(Path(servers)) as redis,
            async_playwright() as playwright,
        ):
            await migrate(database)
            async with simulated_stack(database, redis, engine=engine) as (origin, _):
                browser = await playwright.chromium.launch(executable_path=chromium(), args=ARGS)
                page = await browser.new_page(
                    locale="ko-KR",
                    timezone_id="Asia/Seoul",
                    viewport={"width": 1440, "height": 900},
                )
                await draw(page, origin)
                await browser.close()


if __name__ == "__main__":
    asyncio.run(main())
