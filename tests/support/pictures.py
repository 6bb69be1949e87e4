"""The README's pictures, made anew: ``python -m tests.support.pictures``.

The real bot and worker on throwaway servers, before an engine that answers from a script. Needs
Chromium, and fonts with Hangul and emoji, such as Debian's fonts-noto-color-emoji.
"""

from __future__ import annotations

import asyncio
import base64
import tempfile
from pathlib import Path

from playwright.async_api import Page, ViewportSize, async_playwright, expect

from bot.store.migrations import migrate
from fakes.engine_server import EngineServer, last_user_text
from onebox.embedded_servers import embedded_postgres, embedded_valkey
from tests.support.browser import ARGS, chromium
from tests.support.simulated_stack import simulated_stack
from tests.support.stack import ADMIN_PASSWORD

IMAGES = Path(__file__).parents[2] / "docs/images"
WIDE = ViewportSize(width=1440, height=900)
SLOWLY_S = 0.25  #: a token, for a picture of an answer that is being written

SEOUL = """서울에서 하루를 보내신다면 **경복궁**에서 시작하는 코스가 좋아요.

1. **오전** 경복궁과 북촌 한옥마을
2. **점심** 인사동에서 한정식
3. **오후** 익선동 골목과 창덕궁
4. **저녁** 청계천을 따라 걷기

`지하철 3호선 경복궁역`에서 내리시면 바로예요."""
STEW = """김치찌개는 이렇게 끓이시면 돼요.

1. 돼지고기와 신김치를 참기름에 볶아요.
2. 물을 붓고 15분 끓여요.
3. 두부와 대파를 넣고 5분 더 끓여요."""
NOTICE = """전사 공지는 이렇게 쓰시면 어떨까요?

**[안내] 금요일 저녁 시스템 점검**

11월 27일(금) 20시부터 22시까지 점검이 있어요. 그동안 로그인이 안 될 수 있어요."""
ANSWERS = {"서울": SEOUL, "김치찌개": STEW, "공지": NOTICE}


def reply(messages: list[dict[str, str]]) -> str:
    """The script's answer to the newest question."""
    asked = last_user_text(messages)
    return next((answer for word, answer in ANSWERS.items() if word in asked), SEOUL)


async def write(page: Page, pane: str, text: str) -> None:
    await page.fill(f"#{pane}-text", text)
    await page.press(f"#{pane}-text", "Enter")


async def draw_simulator(page: Page, origin: str, server: EngineServer) -> None:
    """Three panes: an answer at Kakao, one being written in Slack, one in house."""
    await page.goto(f"{origin}/simulator")
    await write(page, "kakao", "김치찌개 끓이는 법을 알려 줘")
    await expect(page.locator("#kakao-log")).to_contain_text("두부와 대파", timeout=30_000)
    await write(page, "generic", "금요일 점검 공지를 써 줘")
    await expect(page.locator("#generic-log")).to_contain_text("20시부터", timeout=30_000)
    await page.click("#slack-tab-dm")
    await expect(page.locator("#slack-prompts button")).to_have_count(4)
    server.delay_per_token_s = SLOWLY_S
    await write(page, "slack", "서울 당일치기 코스를 짜 줘")
    await expect(page.locator("#slack-dm-log .streaming")).to_contain_text("점심", timeout=60_000)
    await shoot(page, "simulator.png")
    server.delay_per_token_s = 0
    await expect(page.locator("#slack-dm-log .streaming")).to_have_count(0, timeout=60_000)


async def draw_slack(page: Page, origin: str, server: EngineServer) -> None:
    """The Slack pane three times: a thread in a channel, a stopped answer, and its form."""
    await page.goto(f"{origin}/simulator")
    await page.get_by_role("button", name="처음부터").click()
    pane = page.locator(".pane.slack")
    await write(page, "slack", "@블라썸 서울 당일치기 코스를 짜 줘")
    answer = page.locator("#slack-log .replies .message").last
    await expect(answer).to_contain_text("경복궁역", timeout=30_000)
    shots = [await pane.screenshot()]
    await page.click("#slack-tab-dm")
    await expect(page.locator("#slack-prompts button")).to_have_count(4)
    server.delay_per_token_s = SLOWLY_S
    await write(page, "slack", "서울은 하루면 충분할까?")
    log = page.locator("#slack-dm-log")
    await expect(log.locator(".streaming")).to_contain_text("점심", timeout=60_000)
    await log.get_by_role("button", name="멈추기").first.click()
    stopped = log.locator(".replies .message").last
    await expect(stopped).to_contain_text("멈췄어요", timeout=60_000)
    server.delay_per_token_s = 0
    shots.append(await pane.screenshot())
    await stopped.locator("button.pressable").last.click()
    await page.locator("#slack-modal input[type=checkbox]").first.check()
    shots.append(await pane.screenshot())
    sources = [f"data:image/png;base64,{base64.b64encode(shot).decode()}" for shot in shots]
    drawn = "".join(f'<img src="{source}" style="border-radius:20px">' for source in sources)
    style = "margin:0;padding:28px;display:inline-flex;gap:24px;background:#f6eff4"
    await page.goto("about:blank")  # the simulator lets no page write HTML
    await page.set_content(f'<body style="{style}">{drawn}</body>')
    await page.locator("body").screenshot(path=IMAGES / "slack.png")


async def draw_dashboard(page: Page, origin: str) -> None:
    """The questions of the other pictures, as operators see them."""
    await page.goto(f"{origin}/admin/")
    await page.fill("#user", "admin")
    await page.fill("input[type=password]", ADMIN_PASSWORD)
    await page.press("input[type=password]", "Enter")
    await expect(page.locator("main")).to_contain_text("김치찌개")
    await shoot(page, "dashboard.png")


async def shoot(page: Page, name: str) -> None:
    """A picture of the page for docs/images, without a cursor in a field."""
    await page.evaluate("document.activeElement?.blur()")
    await page.screenshot(path=IMAGES / name)


async def main() -> None:
    """Make all of them."""
    with tempfile.TemporaryDirectory(prefix="bot-pictures-") as folder:
        async with (
            embedded_postgres(Path(folder), durable=False) as database,
            embedded_valkey(Path(folder)) as redis,
            async_playwright() as playwright,
        ):
            await migrate(database)
            async with simulated_stack(database, redis) as (origin, server):
                server.reply = reply
                browser = await playwright.chromium.launch(executable_path=chromium(), args=ARGS)
                page = await browser.new_page(
                    locale="ko-KR", timezone_id="Asia/Seoul", viewport=WIDE
                )
                await draw_simulator(page, origin, server)
                await draw_slack(page, origin, server)
                await draw_dashboard(page, origin)
                await browser.close()


if __name__ == "__main__":
    asyncio.run(main())
