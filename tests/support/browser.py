"""A real Chromium for the tests marked ``browser``: Debian's, driven by playwright.

Import the fixture in a conftest: ``from tests.support.browser import browser_page``.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio
from playwright.async_api import Browser, ConsoleMessage, Page, async_playwright

ARGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def chromium() -> str:
    """The path of chromium; without one the test is skipped, but fails where CI=true."""
    if path := shutil.which("chromium"):
        return path
    reason = "no chromium found: apt-get install chromium"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest_asyncio.fixture
async def browser_page() -> AsyncIterator[Page]:
    """A fresh page, Korean, 1280 x 860. Fails the test on a script error or a CSP violation."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium(), args=ARGS)
        async with _watched_page(browser) as page:
            yield page
        await browser.close()


@pytest_asyncio.fixture
async def second_browser_page(browser_page: Page) -> AsyncIterator[Page]:
    """The same for somebody else: in the same Chromium, with cookies of its own."""
    browser = browser_page.context.browser
    assert browser
    async with _watched_page(browser) as page:
        yield page


@asynccontextmanager
async def _watched_page(browser: Browser) -> AsyncIterator[Page]:
    complaints: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            complaints.append(message.text)

    page = await browser.new_page(
        locale="ko-KR", timezone_id="Asia/Seoul", viewport={"width": 1280, "height": 860}
    )
    page.set_default_timeout(10_000)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", note)
    yield page
    await page.context.close()
    assert not complaints, complaints
