"""Every page of the dashboard in a real Chromium: accessible, narrow and wide, without a shift."""

from __future__ import annotations

from typing import Literal

import pytest
from aiohttp import web
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.admin.app import create_admin
from bot.settings import Settings
from tests.support.admin import HASHED, StartAdmin, no_workers
from tests.support.admin_pages import (
    NO_PAGES,
    PAGES,
    PICTURED,
    add_everything,
    begin_second_factor,
    log_in,
    unmask,
)

#: The document alone: the style sheets and scripts are fetched once.
MAX_BYTES = 60_000
#: Notes how far a page moves by itself once it is drawn, as web.dev's CLS counts it.
WATCH_SHIFTS = """
window.shifts = [];
addEventListener('resize', () => { window.resized = true; });
new PerformanceObserver((list) => {
  for (const one of list.getEntries()) {
    // While a slow machine still reads the header, its right end moves: nobody can be there yet.
    const inHeader = one.sources.every((of) => of.node?.parentElement?.closest('header.top'));
    if (!one.hadRecentInput && !inHeader) {
      window.shifts.push(one.sources.map((of) => of.node?.outerHTML?.slice(0, 80)).join(' | '));
    }
  }
}).observe({ type: 'layout-shift', buffered: true });
"""
SHIFTS = """async () => {
  await document.fonts.ready;
  await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));
  return window.resized ? [] : window.shifts;  // the window may get its size late
}"""
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


async def test_every_route_that_is_read_is_listed(unreachable: AsyncEngine) -> None:
    app = create_admin(Settings(admin_password=HASHED), unreachable, {}, workers=no_workers())
    web.Application().add_subapp("/admin/", app)
    read = {
        route.resource.canonical.removeprefix("/admin")
        for route in app.router.routes()
        if route.method == "GET" and route.resource
    }
    assert read == set(PAGES) | NO_PAGES


@pytest.mark.browser
@pytest.mark.timeout(300)  # dozens of pages
@pytest.mark.parametrize(("width", "widest", "scheme"), [(360, 480, "dark"), (1280, 2560, "light")])
async def test_every_page_is_accessible_and_fits(
    browser_page: Page,
    start_admin: StartAdmin,
    database: AsyncEngine,
    width: int,
    widest: int,
    scheme: Literal["dark", "light"],
) -> None:
    ids = await add_everything(database)
    home = str((await start_admin(database)).make_url("/admin"))
    await browser_page.add_init_script(WATCH_SHIFTS)
    await browser_page.emulate_media(color_scheme=scheme)
    await _resize(browser_page, width)
    await browser_page.goto(f"{home}/")
    found = await _faults(browser_page)
    await log_in(browser_page, home)
    await begin_second_factor(browser_page, home)
    for page in PAGES.values():
        response = await browser_page.goto(home + page.address.format_map(ids))
        assert response
        assert response.status == 200, page
        assert len(await response.body()) < MAX_BYTES, page
        found += await _faults(browser_page)
        section = await browser_page.locator(".menu .here").count()
        assert section == (0 if page.address.startswith("/account") else 1), page
        here = await browser_page.locator(".submenu [aria-current=page]").count()
        # A section of one page has no menu of its own.
        assert here == await browser_page.locator(".submenu").count(), page
        await _resize(browser_page, widest)
        found += await _overflow(browser_page)
        await _resize(browser_page, width)
    found += await _pictured_faults(browser_page, home, ids)
    assert not found, "\n".join(found)


async def _resize(page: Page, width: int) -> None:
    await page.set_viewport_size({"width": width, "height": 800})
    await page.wait_for_function(f"innerWidth === {width}")


async def _pictured_faults(page: Page, home: str, ids: dict[str, str]) -> list[str]:
    """Of a conversation with pictures that are kept, masked and unmasked."""
    found: list[str] = []
    for masked in (True, False):
        if not masked:
            await unmask(page, home, ids["pictured_in"])
        for shown in PICTURED.values():
            await page.goto(home + shown.address.format_map(ids))
            found += await _faults(page)
            images = page.locator(".pictures img")
            of_turn = shown.name == "turn-pictures" and not masked
            assert await images.count() == (2 if of_turn else 0), shown
            for number in range(await images.count()):
                drawn = await images.nth(number).evaluate("image => image.naturalWidth")
                assert drawn > 0, shown
    return found


async def _faults(page: Page) -> list[str]:
    """What axe-core complains about, what moves by itself, and what is wider than the window."""
    shifts = [f"{page.url}: moves by itself: {one}" for one in await page.evaluate(SHIFTS)]
    results = await Axe().run(page)
    faults = [
        f"{page.url}: {violation['id']}: {violation['help']}: {node['html'][:200]}"
        for violation in results.response["violations"]
        for node in violation["nodes"][:3]
    ]
    return faults + shifts + await _overflow(page)


async def _overflow(page: Page) -> list[str]:
    return [f"{page.url}: wider than the window"] if await page.evaluate(OVERFLOW) > 0 else []
