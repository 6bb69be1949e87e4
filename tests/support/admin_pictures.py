"""A picture of every page of the dashboard: ``python -m tests.support.admin_pictures``.

Needs Chromium, and fonts with Hangul, such as Debian's fonts-nanum.
"""

from __future__ import annotations

import asyncio
import io
import tempfile
import time
from pathlib import Path

from PIL import Image
from playwright.async_api import Page, ViewportSize, async_playwright
from sqlalchemy.ext.asyncio import create_async_engine

from bot.store.migrations import migrate
from inference_queue.worker_registry import Heartbeat, WorkerState, WorkerStatus
from onebox.embedded_servers import embedded_postgres, embedded_valkey
from runtime.redis_client import connect_redis
from tests.support.admin import serve_admin
from tests.support.admin_pages import PAGES, add_everything, begin_second_factor, log_in
from tests.support.browser import ARGS, chromium

IMAGES = Path(__file__).parents[2] / "docs/images/dashboard"
WINDOW = ViewportSize(width=1280, height=800)
#: A page is cut there: the guide shows what a person sees first.
MAX_HEIGHT = 1600
COLORS = 96


async def shoot(page: Page, name: str) -> None:
    """The page from its top, with few colours: a tenth of the bytes."""
    height = await page.evaluate("document.documentElement.scrollHeight")
    # A window of that height: what sticks to its end covers nothing in the middle.
    tall = min(max(height, WINDOW["height"]), MAX_HEIGHT)
    await page.set_viewport_size(ViewportSize(width=WINDOW["width"], height=tall))
    shown = Image.open(io.BytesIO(await page.screenshot())).convert("RGB")
    await page.set_viewport_size(WINDOW)
    shown.quantize(COLORS).save(IMAGES / f"{name}.png", optimize=True)


async def add_workers(redis_url: str) -> None:
    """One that works, and one whose model is not there."""
    redis = connect_redis(redis_url)
    model = "MLP-KTLim/llama-3-Korean-Bllossom-8B"
    for status in (
        WorkerStatus(
            id="gpu-01-4242", state=WorkerState.READY, engine="local", model=model,
            preset="bllossom-8b", slots=8, busy=5, answer_s=4.3, tokens_per_s=48.2,
        ),
        WorkerStatus(
            id="gpu-02-17", state=WorkerState.FAILED, engine="local", slots=8,
            detail="there is no model in /models/bllossom",
        ),
    ):  # fmt: skip
        await Heartbeat(redis, worker=status.id).publish(status)
    await redis.aclose()


async def main() -> None:
    """Make all of them."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bot-pictures-") as folder:
        async with (
            embedded_postgres(Path(folder), durable=False) as url,
            embedded_valkey(Path(folder)) as redis_url,
            async_playwright() as pw,
        ):
            await migrate(url)
            database = create_async_engine(url, isolation_level="AUTOCOMMIT")
            ids = await add_everything(database)
            await add_workers(redis_url)
            client = await serve_admin(database, time.time, redis_url)
            home = str(client.make_url("/admin"))
            browser = await pw.chromium.launch(executable_path=chromium(), args=ARGS)
            page = await browser.new_page(locale="ko-KR", timezone_id="Asia/Seoul", viewport=WINDOW)
            await log_in(page, home)
            await begin_second_factor(page, home)
            for shown in PAGES.values():
                await page.goto(home + shown.address.format_map(ids))
                await shoot(page, shown.name)
            await browser.close()
            await client.close()
            await database.dispose()


if __name__ == "__main__":
    asyncio.run(main())
