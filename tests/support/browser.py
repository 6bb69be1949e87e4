"""A real Chromium for the tests marked ``browser``: Debian's, driven by playwright.

Import the fixture in a conftest: ``from tests.support.browser import browser_page``.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import ConsoleMessage, Page, async_playwright

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
    complaints: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            complaints.append(message.text)

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium(), args=ARGS)
        page = await browser.new_page(
            locale="ko-KR", timezone_id="Asia/Seoul", viewport={"width": 1280, "height": 860}
        )
        page.set_default_timeout(10_000)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", note)
        yield page
        await browser.close()
    assert not complaints, complaints
