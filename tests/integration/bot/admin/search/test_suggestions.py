"""The completions of the search box over HTTP, and in Chromium."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.support.admin import PASSWORD, Client
from tests.support.sample_turns import add_samples, add_turn

URL = "/admin/search/suggestions"


async def test_values_that_occur_are_offered(operator: Client, database: AsyncEngine) -> None:
    await add_turn(database, model="<b>모델</b>", key="a")
    await add_turn(database, model="demo", key="b")
    response = await operator.get(URL, params={"token": "모델:"})
    assert {one["text"] for one in await response.json()} == {"모델:<b>모델</b>", "모델:demo"}
    response = await operator.get(URL, params={"token": "사용자:"})
    assert [one["label"] for one in await response.json()] == ["예"], "people are not listed"


async def test_strangers_get_no_suggestions(stranger: Client) -> None:
    response = await stranger.get(URL, params={"token": "상태:"}, allow_redirects=False)
    assert response.status == 303


@pytest.mark.browser
async def test_a_term_is_completed_by_keyboard(
    browser_page: Page, operator: Client, database: AsyncEngine
) -> None:
    await add_samples(database)
    page = browser_page
    await page.goto(str(operator.make_url("/admin/")))
    await page.get_by_label("아이디").fill("admin")
    await page.get_by_label("비밀번호").fill(PASSWORD)
    await page.keyboard.press("Enter")
    box = page.get_by_role("combobox", name="질문·답변 검색")
    await box.press_sequentially("영수증 상")
    await expect(page.get_by_role("option", name="상태:")).to_be_visible()
    await box.press("ArrowDown")
    await box.press("Enter")
    await expect(box).to_have_value("영수증 상태:")
    await box.press_sequentially("실")
    await expect(page.locator("#q-suggestions li")).to_have_count(1)
    await box.press("ArrowDown")
    await box.press("Tab")
    await expect(box).to_have_value("영수증 상태:실패 ")
    await box.press("Enter")
    await expect(page.locator(".turn")).to_have_count(1)
    await expect(page.locator(".turn mark").first).to_have_text("영수증")
    await box.press_sequentially("시간")
    await expect(page.locator("#q-suggestions li")).not_to_have_count(0)
    await box.press("Escape")
    await expect(page.get_by_role("listbox")).to_be_hidden()
