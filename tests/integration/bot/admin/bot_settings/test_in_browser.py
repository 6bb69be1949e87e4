"""The pages of the bot settings in a real Chromium, with their policies in force."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Page, expect
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.support.admin import PASSWORD, Client, StartAdmin
from tests.support.stack import running_worker, served

pytestmark = pytest.mark.browser

#: A busy machine needs it.
LONG_MS = 60_000


@pytest.fixture
async def dashboard(
    start_admin: StartAdmin, database: AsyncEngine, database_url: str, redis_url: str
) -> AsyncIterator[Client]:
    async with served() as (_, engine), running_worker(database_url, redis_url, engine):
        yield await start_admin(database, redis_url=redis_url)


async def test_a_prompt_is_written_tried_and_published_without_leaving_the_pages(
    browser_page: Page, dashboard: Client
) -> None:
    page = browser_page
    page.set_default_timeout(LONG_MS)
    await page.goto(str(dashboard.make_url("/admin/bot-settings")))
    await page.fill("#user", "admin")
    await page.fill("input[type=password]", PASSWORD)
    await page.keyboard.press("Enter")
    await page.select_option("#messenger", "slack")
    await page.fill("#tenant", "T1")
    await page.fill("#room", "<img src=x onerror=alert(1)>")
    await page.get_by_role("button", name="열기").click()
    await expect(page.locator("h1")).to_have_text("Slack · T1 · <img src=x onerror=alert(1)>")
    await page.get_by_label("시스템 프롬프트").fill("너는 상담원이야.")
    await page.get_by_label("스레드에서 답하기").select_option("always")
    await page.get_by_role("button", name="저장하고 시험").click()
    await page.get_by_label("지금 설정에도 같은 질문을 보내 나란히 보기").check()
    await page.get_by_label("물어볼 말").fill("환불되나요?")
    await page.get_by_role("button", name="보내기").click()
    answers = page.locator(".bubble.side .said")
    await expect(answers).to_have_text(["에코: 환불되나요?"] * 2, timeout=LONG_MS)
    await page.get_by_role("link", name="설정값").click()
    await page.get_by_role("button", name="저장하고 비교").click()
    await expect(page.locator("ins").first).to_have_text("너는 상담원이야.")
    await page.get_by_label("사유").fill("첫 프롬프트")
    await page.get_by_role("button", name="게시하기").click()
    await expect(page.get_by_role("status").first).to_contain_text("5초 안에 모든 봇에")
    await page.get_by_role("link", name="기록", exact=True).click()
    await expect(page.locator(".acts")).to_contain_text("첫 프롬프트")
    for path in ("", "/scope?messenger=slack&tenant=T1", "/sandbox?messenger=slack&tenant=T1"):
        await page.set_viewport_size({"width": 360, "height": 800})
        await page.goto(str(dashboard.make_url(f"/admin/bot-settings{path}")))
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
