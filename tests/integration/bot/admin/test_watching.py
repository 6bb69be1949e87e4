"""The pages that watch, in a real Chromium with their policies in force: silent, and on a phone."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.async_api import ConsoleMessage, Page, expect
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from bot.admin.charts.counter import StatisticsCounter
from inference_queue.worker_registry import Heartbeat, WorkerState, WorkerStatus
from runtime.redis_client import connect_redis
from tests.support.admin import PASSWORD, Client, StartAdmin
from tests.support.sample_turns import add_turn

pytestmark = pytest.mark.browser

PAGES = [
    "charts?range=1h",
    "charts/latency-whole?range=1h",
    "charts/volume?range=1h",
    "charts/errors?range=1h",
    "workers",
    "dead-letters",
    "live",
]
WORKER = WorkerStatus(id="gpu-" + "a" * 60, state=WorkerState.READY, model="B" * 80, slots=4)


@pytest.fixture
async def dashboard(start_admin: StartAdmin, database: AsyncEngine, redis_url: str) -> Client:
    redis = connect_redis(redis_url)
    await Heartbeat(redis, worker=WORKER.id).publish(WORKER)
    await redis.aclose()
    return await start_admin(database, redis_url=redis_url)


@pytest.fixture
async def page(browser_page: Page, dashboard: Client) -> AsyncIterator[Page]:
    """Logged in; fails on anything Chromium complains about."""
    complaints: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            complaints.append(message.text)

    browser_page.on("console", note)
    await browser_page.goto(str(dashboard.make_url("/admin/")))
    await browser_page.fill("#user", "admin")
    await browser_page.fill("input[type=password]", PASSWORD)
    await browser_page.keyboard.press("Enter")
    await expect(browser_page.get_by_role("heading", name="대화 목록")).to_be_visible()
    yield browser_page
    assert not complaints, complaints


async def fill(database: AsyncEngine, database_url: str) -> None:
    """An hour with answers, failures and dead letters, counted."""
    now = datetime.now(UTC)
    for number in range(12):
        at = now - timedelta(minutes=4 * number + 2)
        await add_turn(database, key=f"k{number}", received_at=at)
        await add_turn(
            database, "가" * 300, "a" * 300, key=f"s{number}", messenger="slack",
            received_at=at, delivery="failed", expires_at=now + timedelta(hours=1),
        )  # fmt: skip
        await add_turn(
            database, answer=None, key=f"f{number}", status="failed", settled_at=at,
            failure_reason="engine_error", received_at=at, delivery="failed",
        )  # fmt: skip
    engine = create_async_engine(database_url)
    await StatisticsCounter(database=engine).count()
    await engine.dispose()


@pytest.mark.parametrize("width", [360, 2560])
async def test_the_pages_fit_the_screen_and_break_no_policy(
    page: Page, dashboard: Client, database: AsyncEngine, database_url: str, width: int
) -> None:
    await fill(database, database_url)
    await page.set_viewport_size({"width": width, "height": 800})
    for path in PAGES:
        await page.goto(str(dashboard.make_url(f"/admin/{path}")))
        wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert await page.evaluate(wide) <= 0, path
        assert await page.locator("h1").count() == 1


async def test_a_chart_has_a_name_a_description_and_a_table(
    page: Page, dashboard: Client, database: AsyncEngine, database_url: str
) -> None:
    await fill(database, database_url)
    await page.goto(str(dashboard.make_url("/admin/charts?range=1h")))
    await page.get_by_role("link", name="답변까지 걸린 시간").click()
    await expect(page).to_have_url(re.compile("range=1h"))
    drawing = page.get_by_role("img", name=re.compile("답변까지 걸린 시간"))
    await expect(drawing).to_be_visible()
    stroke = "path => getComputedStyle(path).stroke"
    assert await drawing.locator("path.s1").evaluate(stroke) != "none"
    await expect(page.get_by_role("table")).to_be_hidden()
    await page.get_by_text("표로 보기").click()
    await expect(page.get_by_role("row")).to_have_count(61)
    await page.get_by_role("link", name="카카오톡").click()
    await expect(page).to_have_url(re.compile("messenger=kakao"))


async def test_turns_appear_by_themselves_and_can_be_held_back(
    page: Page, dashboard: Client, database: AsyncEngine
) -> None:
    attack = "<img src=x onerror=\"document.title = 'owned'\">"
    await page.goto(str(dashboard.make_url("/admin/live")))
    await expect(page.get_by_text("연결됨")).to_be_visible()
    now = datetime.now(UTC)
    turn = await add_turn(database, attack, None, delivery=None, received_at=now)
    rows = page.locator("#live > li")
    await expect(rows).to_have_count(1)
    await expect(rows.first).to_contain_text("<img src=x")
    async with database.connect() as connection:
        end = "UPDATE turns SET status = 'answered', answer = '안녕', settled_at = now()"
        await connection.execute(text(f"{end} WHERE id = :id"), {"id": turn})
    await expect(rows.first).to_contain_text("답변 완료")
    await expect(rows.first).to_contain_text("안녕")
    await page.get_by_role("button", name="잠시 멈추기").click()
    await add_turn(database, "둘째", None, key="b", delivery=None, received_at=now)
    await page.get_by_role("button", name="이어서 보기 (1)").click()
    await expect(rows).to_have_count(2)
    assert "owned" not in await page.title()
    await rows.last.get_by_role("link").click()
    await expect(page).to_have_url(re.compile(f"/conversations/\\d+\\?before=\\d+#turn-{turn}"))
