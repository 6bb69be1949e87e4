"""An export in Chromium: ordered on the list, followed without a touch, downloaded."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Page, expect
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.support.admin import StartAdmin
from tests.support.admin_pages import log_in
from tests.support.exporting import an_exporter, transactions
from tests.support.sample_turns import add_turn

__all__ = ["transactions"]

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]


async def test_the_page_follows_its_export_and_gives_the_file(
    browser_page: Page,
    start_admin: StartAdmin,
    database: AsyncEngine,
    transactions: AsyncEngine,
    tmp_path: Path,
) -> None:
    await add_turn(database, "환불해 주세요")
    await add_turn(database, "배송은요?", key="room-2")
    home = str((await start_admin(database)).make_url("/admin"))
    await log_in(browser_page, home)
    await browser_page.goto(f"{home}/?q=환불")
    await browser_page.click(".export summary")
    await browser_page.select_option("#export-format", "csv")
    await browser_page.fill("#export-reason", "월간 점검")
    await browser_page.press("#export-reason", "Enter")
    await expect(browser_page.locator("#progress")).to_contain_text("기다리는 중")
    await an_exporter(transactions, tmp_path).export()
    await expect(browser_page.locator("#progress")).to_contain_text("완료", timeout=60_000)
    async with browser_page.expect_download() as download:
        await browser_page.get_by_role("button", name="파일 받기").click()
    text = (await (await download.value).path()).read_text("utf-8-sig")
    assert "환불해 주세요" in text
    assert "배송은요?" not in text
