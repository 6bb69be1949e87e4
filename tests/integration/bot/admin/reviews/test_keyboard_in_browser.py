"""Reviewing by keyboard alone, in a real Chromium with the page's policies in force."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from playwright.async_api import Page, expect
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.support.admin import PASSWORD, Client, StartAdmin, log_in
from tests.support.reviews import new_queue, rows
from tests.support.sample_turns import NOON, add_turn

pytestmark = pytest.mark.browser

TURNS = 20
#: As a composing IME sends it: by the standard's flag, and by the code of older browsers.
COMPOSE = """() => {
    for (const init of [{ isComposing: true }, { keyCode: 229 }]) {
        const key = new KeyboardEvent("keydown", { key: "1", bubbles: true, ...init });
        document.body.dispatchEvent(key);
    }
}"""

#: The J key while Hangul is switched on.
HANGUL_J = """() => document.body.dispatchEvent(
    new KeyboardEvent("keydown", { key: "ㅓ", code: "KeyJ", bubbles: true }))"""


@pytest.fixture
async def client(start_admin: StartAdmin, database: AsyncEngine) -> Client:
    client = await start_admin(database)
    await log_in(client)
    return client


@pytest.fixture
async def page(browser_page: Page, client: Client, database: AsyncEngine) -> Page:
    """Logged in, on the page of a queue with twenty turns."""
    for number in range(TURNS):
        await add_turn(database, f"질문 {number}", received_at=NOON - timedelta(minutes=number))
    queue = await new_queue(client, database)
    address = f"/admin/reviews/queues/{queue}"
    await browser_page.goto(str(client.make_url(f"/admin/login?next={address}")))
    await expect(browser_page.get_by_label("아이디")).to_be_focused()
    await browser_page.keyboard.type("admin")
    await browser_page.keyboard.press("Tab")
    await browser_page.keyboard.insert_text(PASSWORD)
    await browser_page.keyboard.press("Enter")
    await expect(browser_page.get_by_role("heading", name="환불 답변")).to_be_visible()
    return browser_page


async def test_twenty_answers_are_judged_by_keyboard_alone(
    page: Page, database: AsyncEngine
) -> None:
    keys = page.keyboard
    await keys.press("Control+Enter")
    for number in range(TURNS):
        await expect(page.get_by_text(f"질문 {number}", exact=True)).to_be_visible()
        await keys.press("1" if number else "2")
        if not number:
            await keys.press("e")
            await keys.press("Control+End")
            await keys.type(" 1 2 j ?")
            await keys.press("Escape")
        await keys.press("Control+Enter")
    await expect(page.get_by_text("모두 보았습니다")).to_be_visible()
    found = await rows(database, "SELECT verdict, reasons, correction FROM reviews ORDER BY id")
    corrected = "보통 이틀 걸립니다. 1 2 j ?"
    assert found[0] == {"verdict": "bad", "reasons": ["wrong"], "correction": corrected}
    assert found[1:] == [{"verdict": "good", "reasons": [], "correction": None}] * (TURNS - 1)


async def test_keys_choose_move_and_explain_themselves_but_not_while_one_writes(
    page: Page, database: AsyncEngine
) -> None:
    keys = page.keyboard
    await page.evaluate(HANGUL_J)
    await expect(page.locator("[data-moves] a").first).to_be_focused()
    await keys.press("j")
    await keys.press("k")
    await keys.press("Enter")
    await expect(page.get_by_text("질문 0", exact=True)).to_be_visible()
    form = page.locator("#judge")
    good, wrong, unsafe = (form.get_by_label(name) for name in ("좋음", "틀림", "안전하지 않음"))
    bad = form.get_by_label("문제 있음")
    await page.evaluate(COMPOSE)
    await expect(good).not_to_be_checked()
    await keys.press("2")
    await keys.press("4")
    await expect(bad).to_be_checked()
    await expect(wrong).to_be_checked()
    await keys.press("2")
    await expect(wrong).not_to_be_checked()
    await expect(unsafe).to_be_checked()
    await keys.press("1")
    await expect(good).to_be_checked()
    await expect(unsafe).not_to_be_checked()
    await keys.press("n")
    await keys.insert_text("한글 메모")
    await keys.type("2?")
    await expect(form.get_by_label("메모")).to_have_value("한글 메모2?")
    await expect(good).to_be_checked()
    await keys.press("Escape")
    await keys.press("?")
    await expect(page.get_by_text("문제를 고르거나 빼기")).to_be_visible()
    await keys.press("?")
    await expect(page.get_by_text("문제를 고르거나 빼기")).to_be_hidden()
    await keys.press("ArrowRight")
    await expect(page.get_by_text("질문 1", exact=True)).to_be_visible()
    await keys.press("ArrowLeft")
    await expect(page.get_by_text("질문 0", exact=True)).to_be_visible()
    await expect(page).to_have_url(re.compile("/reviews/turns/"))
    assert await rows(database, "SELECT 1 AS one FROM reviews") == []
