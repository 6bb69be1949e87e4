"""Users, second factor and audit log in a real Chromium, without JavaScript, in two languages."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import ConsoleMessage, Page, expect
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.admin.login import one_time_codes
from bot.domain.dashboard_users import Role
from tests.support.admin import PASSWORD, Client, Clock, StartAdmin, add_user

pytestmark = pytest.mark.browser

NEW_PASSWORD = "새로 정한 긴 비밀번호 1"
PAGES = ("", "users", "users/1", "account", "audit", "audit/report")


@pytest.fixture
async def dashboard(start_admin: StartAdmin, database: AsyncEngine) -> Client:
    return await start_admin(database)


@pytest.fixture
async def page(browser_page: Page, dashboard: Client) -> AsyncIterator[Page]:
    """At the login; fails on anything Chromium complains about."""
    complaints: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning", "debug"}:
            complaints.append(message.text)

    browser_page.on("console", note)
    await browser_page.goto(str(dashboard.make_url("/admin/")))
    yield browser_page
    assert not complaints, complaints


async def log_in(page: Page, user: str, password: str) -> None:
    await page.get_by_label(re.compile("아이디|User name")).fill(user)
    await page.get_by_label(re.compile("비밀번호|Password")).fill(password)
    await page.get_by_role("button", name=re.compile("로그인|Log in")).click()


async def leave(page: Page) -> None:
    await page.get_by_role("button", name=re.compile("로그아웃|Log out")).click()


async def test_an_admin_adds_somebody_who_chooses_a_password_and_reads_in_english(
    page: Page,
) -> None:
    await log_in(page, "admin", PASSWORD)
    await page.get_by_role("link", name="관리", exact=True).click()
    await page.get_by_role("link", name="사용자들").click()
    await page.get_by_label("아이디").fill("김하나")
    await page.get_by_label("역할").select_option(label="검토자")
    await page.get_by_role("button", name="추가").click()
    one_time = await page.locator(".secret code").inner_text()
    await leave(page)
    await log_in(page, "김하나", one_time)
    await expect(page.get_by_text("일회용 비밀번호로 로그인했습니다")).to_be_visible()
    await page.get_by_label("지금 비밀번호").fill(one_time)
    await page.get_by_label("새 비밀번호 (12자 이상)").fill(NEW_PASSWORD)
    await page.get_by_label("새 비밀번호 확인").fill(NEW_PASSWORD)
    await page.get_by_role("button", name="비밀번호 바꾸기").click()
    await expect(page.get_by_role("status")).to_contain_text("비밀번호를 바꿨습니다")
    await page.get_by_label("화면의 언어").select_option(label="English")
    await page.get_by_role("button", name="언어 바꾸기").click()
    await expect(page.get_by_role("status")).to_contain_text("The language is changed")
    await expect(page.get_by_role("link", name="Audit log")).to_have_count(0)


async def test_a_second_factor_is_switched_on_and_asked_for(
    page: Page, database: AsyncEngine, clock: Clock
) -> None:
    await add_user(database, "lee")
    await log_in(page, "lee", PASSWORD)
    await page.get_by_role("link", name="내 계정").click()
    await page.get_by_label("지금 비밀번호").last.fill(PASSWORD)
    await page.get_by_role("button", name="2단계 인증 켜기").click()
    secret = (await page.locator(".secret code").first.inner_text()).replace(" ", "")
    totp = one_time_codes._totp(secret)
    await page.get_by_label("앱에 보이는 6자리 코드").fill(totp.generate(int(clock.now)).decode())
    await page.get_by_role("button", name="켜기").click()
    await expect(page.locator(".codes li")).to_have_count(10)
    await page.get_by_role("link", name="적어 두었습니다").click()
    await leave(page)
    clock.now += one_time_codes.STEP_S
    await log_in(page, "lee", PASSWORD)
    code = page.get_by_label("인증 앱의 코드 6자리 또는 복구 코드")
    await expect(code).to_be_focused()
    await code.fill(totp.generate(int(clock.now)).decode())
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="대화 목록")).to_be_visible()


async def test_every_page_fits_a_phone_and_names_its_fields(
    page: Page, database: AsyncEngine
) -> None:
    for n in range(3):
        await add_user(database, f"{'a' * 50}-{n}@example.com", Role.VIEWER)
    await log_in(page, "admin", PASSWORD)
    home = page.url
    fields = "[...document.querySelectorAll('input:not([type=hidden], [hidden]), select, button')]"
    unnamed = (
        f"{fields}.filter(e => !(e.labels && e.labels.length) && !e.textContent.trim()).length"
    )
    named = "[...document.querySelectorAll('[id]')].map(e => e.id)"
    ids = f"(ids => ids.length - new Set(ids).size)({named})"
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    for width in (360, 1280, 2560):
        await page.set_viewport_size({"width": width, "height": 740})
        for path in PAGES:
            await page.goto(home + path)
            assert await page.evaluate(unnamed) == 0, path
            assert await page.evaluate(ids) == 0, path
            assert await page.evaluate(wide) <= 0, (path, width)
