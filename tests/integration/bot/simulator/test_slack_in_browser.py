"""The Slack pane in a real Chromium, before the real bot: as ``make run`` shows it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Locator, Page, expect

from fakes.engine_server import EngineServer
from tests.support.simulated_stack import simulated_stack

pytestmark = pytest.mark.browser
ANSWER = "**경복궁**에서 시작하세요.\n\n1. 오전: 북촌\n2. 오후: 인사동\n3. 저녁: 청계천"


@pytest.fixture
async def engine(
    database_url: str, redis_url: str, browser_page: Page
) -> AsyncIterator[EngineServer]:
    """The engine behind the bot whose simulator the page shows."""
    async with simulated_stack(database_url, redis_url) as (origin, server):
        server.reply = lambda _messages: ANSWER
        await browser_page.goto(f"{origin}/simulator")
        await expect(browser_page.locator("#slack-tab-dm")).to_be_visible()
        yield server


async def write(page: Page, text: str) -> None:
    await page.fill("#slack-text", text)
    await page.press("#slack-text", "Enter")


async def open_agent(page: Page) -> Locator:
    await page.click("#slack-tab-dm")
    return page.locator("#slack-dm-log")


@pytest.mark.usefixtures("engine")
async def test_mention_is_answered_in_its_thread_which_goes_on(browser_page: Page) -> None:
    page, log = browser_page, browser_page.locator("#slack-log")
    await write(page, "@블라썸 서울 코스를 짜 줘")
    await expect(log.locator(".replies .message strong", has_text="경복궁")).to_have_count(1)
    await expect(log.locator(".thread > .message .mention")).to_have_text("@블라썸")
    await log.get_by_role("button", name="스레드에 답글").click()
    await write(page, "더 알려 줘")
    await expect(log.locator(".replies .message strong", has_text="경복궁")).to_have_count(2)
    await expect(log.locator(".thread")).to_have_count(1)


async def test_agent_writes_live_is_stopped_and_judged(
    engine: EngineServer, browser_page: Page
) -> None:
    log = await open_agent(browser_page)
    await expect(log.locator(".prompts button")).to_have_count(4)
    engine.delay_per_token_s = 0.4
    await write(browser_page, "부산은 어때?")
    await expect(log.locator(".agent-status")).to_be_visible()
    await expect(log.locator(".message.streaming")).to_contain_text("경복궁", timeout=30_000)
    await log.get_by_role("button", name="멈추기").first.click()
    await expect(log.locator(".message.streaming")).to_have_count(0, timeout=30_000)
    answer = log.locator(".replies .message").last
    await expect(answer).to_contain_text("멈췄어요", timeout=30_000)
    await expect(answer).not_to_contain_text("청계천")
    await answer.locator("button.pressable").last.click()
    form = browser_page.locator("#slack-modal form")
    await form.locator("input[type=checkbox]").first.check()
    await form.get_by_role("button", name="보내기").click()
    await expect(form).to_have_count(0)


@pytest.mark.usefixtures("engine")
async def test_answer_comes_once_slack_works_again(browser_page: Page) -> None:
    log = await open_agent(browser_page)
    await browser_page.select_option("#slack-platform", "rate_limited")
    await write(browser_page, "안녕?")
    await expect(log.locator(".refused").first).to_contain_text("ratelimited")
    await browser_page.select_option("#slack-platform", "works")
    answers = log.locator(".replies .message strong", has_text="경복궁")
    await expect(answers).to_have_count(1, timeout=40_000)


@pytest.mark.usefixtures("engine")
async def test_everything_is_still_there_after_a_reload_on_a_phone(browser_page: Page) -> None:
    await browser_page.set_viewport_size({"width": 360, "height": 740})
    log = await open_agent(browser_page)
    await write(browser_page, "안녕?")
    answers = log.locator(".replies .message strong", has_text="경복궁")
    await expect(answers).to_have_count(1, timeout=30_000)
    await browser_page.click("#slack-tab-home")
    await expect(browser_page.locator("#slack-home h4")).to_have_text(re.compile("."))
    await browser_page.reload()
    await open_agent(browser_page)
    await expect(answers).to_have_count(1)
    await expect(log.locator(".thread > .message")).to_contain_text("안녕?")
    assert await browser_page.evaluate("document.documentElement.scrollWidth") <= 360
