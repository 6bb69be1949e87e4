"""The dashboard as an operator meets it: in a real Chromium, with its policies in force."""

import re
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import ConsoleMessage, Page, expect
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.support.admin import PASSWORD, Client, StartAdmin
from tests.support.sample_turns import add_samples, add_turn, conversation_of

pytestmark = pytest.mark.browser

ATTACK = (
    "<script>document.title = 'owned'</script><img src=x onerror=\"document.title = 'owned'\">"
    "<svg onload=\"document.title = 'owned'\"></details><style>body { display: none }</style>"
)


@pytest.fixture
async def dashboard(start_admin: StartAdmin, database: AsyncEngine) -> Client:
    return await start_admin(database)


@pytest.fixture
async def page(browser_page: Page, dashboard: Client) -> AsyncIterator[Page]:
    """Logged in by keyboard; fails on anything Chromium complains about."""
    complaints: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            complaints.append(message.text)

    browser_page.on("console", note)
    await browser_page.goto(str(dashboard.make_url("/admin/")))
    await expect(browser_page.get_by_label("아이디")).to_be_focused()
    await browser_page.keyboard.type("admin")
    await browser_page.keyboard.press("Tab")
    await browser_page.keyboard.insert_text(PASSWORD)
    await browser_page.keyboard.press("Enter")
    await expect(browser_page.get_by_role("heading", name="대화 목록")).to_be_visible()
    yield browser_page
    assert not complaints, complaints


async def test_an_operator_searches_reads_and_leaves(page: Page, database: AsyncEngine) -> None:
    await expect(page.get_by_text("아직 대화가 없습니다")).to_be_visible()
    await add_samples(database)
    await page.get_by_label("질문·답변 검색").fill("환불규정")
    await page.get_by_label("메신저").select_option(label="카카오톡")
    await page.get_by_role("button", name="검색").click()
    rows = page.locator(".turn")
    await expect(rows).to_have_count(1)
    await expect(rows.locator("mark").first).to_have_text("환불 규정")
    await expect(page.get_by_label("메신저")).to_have_value("kakao")
    await rows.get_by_role("link").click()
    await expect(page).to_have_url(re.compile("#turn-"))
    target = page.locator(".exchange:target")
    await expect(target).to_be_in_viewport()
    await target.get_by_role("link", name="자세히").click()
    await expect(page.get_by_text("MLP-KTLim/llama-3-Korean-Bllossom-8B")).to_be_visible()
    await page.go_back()
    await page.go_back()
    await expect(page.get_by_label("질문·답변 검색")).to_have_value("환불규정")
    await page.get_by_role("button", name="로그아웃").click()
    await expect(page.get_by_role("heading", name="로그인")).to_be_visible()
    await page.go_back()
    await expect(page.get_by_role("heading", name="로그인")).to_be_visible()


async def test_the_person_is_left_and_the_bot_right(page: Page, database: AsyncEngine) -> None:
    await add_turn(database)
    await page.goto(f"{page.url}conversations/{await conversation_of(database)}")
    person = await page.locator(".bubble.person").bounding_box()
    bot = await page.locator(".bubble.bot").first.bounding_box()
    assert person
    assert bot
    assert person["x"] < bot["x"]
    assert person["x"] + person["width"] < bot["x"] + bot["width"]
    assert person["y"] < bot["y"]


async def test_typed_markup_stays_text(page: Page, database: AsyncEngine) -> None:
    await add_turn(
        database, ATTACK, ATTACK, sender=ATTACK, key=ATTACK, failure_message=ATTACK, model=ATTACK
    )
    home = page.url
    room = await conversation_of(database, ATTACK)
    for address in (home, f"{home}?q=%3Cscript%3E", f"{home}conversations/{room}"):
        await page.goto(address)
        await expect(page.get_by_text("<script>").first).to_be_visible()
        assert "owned" not in await page.title()
        assert await page.locator("main script, main svg, main style, main img").count() == 0


async def test_the_pages_fit_a_phone(page: Page, database: AsyncEngine) -> None:
    await add_samples(database)
    await add_turn(database, "가나다라" * 300, "https://example.com/" + "a" * 500, key="long")
    await page.set_viewport_size({"width": 360, "height": 740})
    home = page.url
    for room in ("room-1", "long"):
        await page.goto(f"{home}conversations/{await conversation_of(database, room)}")
        assert await _overflow(page) <= 0
        await page.locator(".exchange .outcome a").first.click()
        await expect(page.get_by_role("heading", name="시간표")).to_be_visible()
        assert await _overflow(page) <= 0
    await page.goto(home)
    assert await _overflow(page) <= 0


async def _overflow(page: Page) -> int:
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    return int(await page.evaluate(wide))


async def test_page_can_be_used_by_keyboard_and_screen_reader(page: Page) -> None:
    unlabelled = "[...document.querySelectorAll('input:not([type=hidden]), select, button')]"
    names = (
        f"{unlabelled}.filter(e => !(e.labels && e.labels.length) && !e.textContent.trim()).length"
    )
    assert await page.evaluate(names) == 0
    assert await page.evaluate("document.documentElement.lang") == "ko"
    await page.goto(page.url)
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="본문으로 건너뛰기")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.locator("main")).to_be_focused()
