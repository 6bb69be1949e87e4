"""The page in a real Chromium: what a newcomer sees and does."""

from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image
from playwright.async_api import Page, expect

from tests.support.simulator_standin import READY, StandInBot, bubbles

pytestmark = pytest.mark.browser


async def opened(page: Page, bot: StandInBot) -> Page:
    await page.goto(f"{bot.origin}/simulator")
    await expect(page.locator("#kakao-text")).to_be_visible()
    return page


async def write(page: Page, pane: str, text: str) -> None:
    await page.fill(f"#{pane}-text", text)
    await page.press(f"#{pane}-text", "Enter")


async def test_a_kakao_chat_with_callback_chips_and_raw_record(
    bot: StandInBot, browser_page: Page
) -> None:
    chips: list[dict[str, Any]] = [
        {"label": "더 보기", "action": "message", "messageText": "더 보여 줘", "extra": {"id": "7"}}
    ]
    bot.callback = bubbles("서울은 이렇게 다니세요", quick_replies=chips)
    page = await opened(browser_page, bot)
    await write(page, "kakao", "서울 코스를 짜 줘")
    log = page.locator("#kakao-log")
    await expect(log.locator(".mine .bubble")).to_have_text("서울 코스를 짜 줘")
    await expect(log.locator(".theirs .bubble")).to_have_text(
        ["생각하고 있어요. 잠시만 기다려 주세요!", "서울은 이렇게 다니세요"]
    )
    await expect(log.locator(".awaited")).to_have_count(0)
    await expect(log.locator(".theirs .small").last).to_contain_text("콜백 · 0.")
    await log.locator(".mine + .small .raw summary").click()
    await expect(log.locator(".raw[open] pre")).to_contain_text('"X-Bot-Secret": "••••••"')
    await page.locator("#kakao-chips button").click()
    await expect(log.locator(".mine .bubble").nth(1)).to_have_text("더 보여 줘")
    await expect(log.locator(".theirs .bubble")).to_have_count(4)
    assert bot.skills[1]["action"]["clientExtra"] == {"id": "7"}
    assert bot.skills[1]["flow"]["trigger"]["type"] == "QUICKREPLY_BUTTON_MESSAGE"


async def test_long_bubbles_fold_and_the_toggle_leaves_the_callback_out(
    bot: StandInBot, browser_page: Page
) -> None:
    bot.kakao_reply = bubbles("가" * 501, "나" * 500)
    page = await opened(browser_page, bot)
    await page.locator(".kakao label.switch").click()
    await write(page, "kakao", "길게")
    first = page.locator(".theirs .bubble").first
    await expect(first).to_have_text("가" * 500 + "…")
    await page.get_by_role("button", name="전체보기").click()
    await expect(first).to_have_text("가" * 501)
    await expect(page.get_by_role("button", name="전체보기")).to_have_count(0)
    assert "callbackUrl" not in bot.skills[0]["userRequest"]


async def test_text_cards_and_their_buttons(bot: StandInBot, browser_page: Page) -> None:
    buttons = [
        {"label": "물어보기", "action": "message", "messageText": "이어서", "extra": {"k": 1}},
        {"label": "열기", "action": "webLink", "webLinkUrl": "https://example.com/"},
    ]
    card = {"title": "제목", "description": "설명", "buttons": buttons}
    bot.kakao_reply = {"version": "2.0", "template": {"outputs": [{"textCard": card}]}}
    page = await opened(browser_page, bot)
    await write(page, "kakao", "카드")
    shown = page.locator(".card")
    await expect(shown.get_by_role("link", name="열기")).to_have_attribute(
        "href", "https://example.com/"
    )
    await shown.get_by_role("button", name="물어보기").click()
    await expect(page.locator(".mine .bubble").nth(1)).to_have_text("이어서")
    await expect(shown).to_have_count(2)
    assert bot.skills[1]["action"]["clientExtra"] == {"k": 1}
    assert bot.skills[1]["flow"]["trigger"]["type"] == "CARD_BUTTON_MESSAGE"


async def test_a_call_for_a_human_goes_to_kakao_and_not_to_the_bot(
    bot: StandInBot, browser_page: Page
) -> None:
    card = {
        "description": "연결할게요",
        "buttons": [{"label": "상담원 연결", "action": "operator"}],
    }
    bot.kakao_reply = {"version": "2.0", "template": {"outputs": [{"textCard": card}]}}
    page = await opened(browser_page, bot)
    await write(page, "kakao", "상담원")
    await page.get_by_role("button", name="상담원 연결").click()
    await expect(page.locator("#kakao-log > .note")).to_contain_text(
        "봇에는 아무것도 오지 않습니다"
    )
    assert len(bot.skills) == 1


async def test_a_photo_is_sent_and_shown(bot: StandInBot, browser_page: Page) -> None:
    page = await opened(browser_page, bot)
    await page.get_by_role("button", name="사진 보내기").click()
    await expect(page.locator(".mine .photo img")).to_have_attribute("alt", "사진")
    await expect(page.locator(".theirs .bubble")).to_have_text("안녕하세요")
    assert bot.skills[0]["flow"]["trigger"]["type"] == "IMAGE_UPLOAD"


async def test_a_photo_of_ones_own_is_made_smaller_uploaded_and_shown(
    bot: StandInBot, browser_page: Page
) -> None:
    written = io.BytesIO()
    Image.effect_noise((1600, 1200), 90).convert("RGB").save(written, "PNG")
    page = await opened(browser_page, bot)
    await page.set_input_files(
        "#kakao-upload",
        {"name": "사진.png", "mimeType": "image/png", "buffer": written.getvalue()},
    )
    await expect(page.locator(".theirs .bubble")).to_have_text("안녕하세요")
    source = await page.locator(".mine .photo img").get_attribute("src")
    url = bot.skills[0]["userRequest"]["utterance"]
    assert url == f"{bot.origin}{source}"
    photo = await (await page.request.get(url)).body()
    assert Image.open(io.BytesIO(photo), formats=["JPEG"]).size == (1440, 1080)
    assert len(photo) < 1_000_000 < len(written.getvalue())


async def test_a_slack_command_twice_is_answered_once_in_markdown(
    bot: StandInBot, browser_page: Page
) -> None:
    hostile = "<img src=x onerror=alert(1)> [x](javascript:alert(1))"
    blocks = [{"type": "markdown", "text": f"**굵게**를 [여기](https://example.com)\n\n{hostile}"}]
    bot.slack_answers = [{"text": "굵게를", "blocks": blocks, "response_type": "in_channel"}]
    bot.slack_acknowledgement = "생각하고 있어요"
    page = await opened(browser_page, bot)
    await page.fill("#slack-text", "/bllossom 안녕")
    await page.get_by_role("button", name="같은 명령을 두 번 보내기").click()
    log = page.locator("#slack-log")
    await expect(log.locator(".delivery.ok")).to_have_count(2)
    await expect(log.locator('[data-block="markdown"]')).to_have_count(1)
    await expect(log.locator('[data-block="markdown"] strong')).to_have_text("굵게")
    await expect(log.locator('[data-block="markdown"]')).to_contain_text(hostile)
    assert await log.locator(".text img, .text a[href^=javascript]").count() == 0
    await expect(log.locator(".message.ephemeral").last).to_contain_text("나에게만 표시")
    await expect(log.locator(".message").last).not_to_contain_text("나에게만 표시")
    await expect(log).to_contain_text("x-slack-retry-num: 1")
    assert len(bot.commands) == 2


async def test_enter_that_ends_a_hangul_composition_does_not_send(
    bot: StandInBot, browser_page: Page
) -> None:
    page = await opened(browser_page, bot)
    await page.focus("#kakao-text")
    keyboard = await page.context.new_cdp_session(page)
    await keyboard.send(
        "Input.imeSetComposition", {"text": "안녕", "selectionStart": 2, "selectionEnd": 2}
    )
    await page.evaluate(
        "document.activeElement.dispatchEvent(new KeyboardEvent('keydown',"
        " {key: 'Enter', isComposing: true, bubbles: true, cancelable: true}))"
    )
    await keyboard.send(
        "Input.dispatchKeyEvent",
        {"type": "rawKeyDown", "key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 229},
    )
    await keyboard.send("Input.insertText", {"text": "안녕"})
    await expect(page.locator("#kakao-text")).to_have_value("안녕")
    assert await page.locator(".mine").count() == 0
    await page.press("#kakao-text", "Shift+Enter")
    assert await page.locator(".mine").count() == 0
    await page.press("#kakao-text", "Enter")
    await expect(page.locator(".mine .bubble")).to_have_text("안녕\n")
    await expect(page.locator(".theirs")).to_have_count(1)
    assert len(bot.skills) == 1


async def looked_at_again(page: Page) -> None:
    """The page asks for the state at once when it is shown again."""
    await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


async def test_banner_shows_the_bots_own_sentence(bot: StandInBot, browser_page: Page) -> None:
    page = await opened(browser_page, bot)
    status = page.locator("#status")
    await expect(status).to_contain_text("데모 모델(SmolLM2-135M)은 영어만 지원합니다")
    await expect(status).to_contain_text("This demo model speaks English only")
    await expect(page.locator("#parts")).to_contain_text("SmolLM2-135M-Instruct")
    await expect(page.locator(".ideas button").first).to_have_text("What is the capital of Korea?")
    worker: dict[str, Any] = {"ok": False, "detail": "가중치를 변환하고 있습니다"}
    bot.ready = {"status": "not ready", "parts": {**READY["parts"], "worker": worker}}
    await looked_at_again(page)
    await expect(status).to_contain_text("가중치를 변환하고 있습니다")
    redis = {"ok": False, "detail": "Redis cannot be reached: slower, nothing is lost"}
    bot.ready = {"status": "ready", "parts": {**READY["parts"], "redis": redis}}
    await looked_at_again(page)
    await expect(status).to_contain_text("Redis 없이 동작 중입니다. 느려도 답변은 옵니다.")
    await expect(status).to_contain_text("nothing is lost")
    worker = {"ok": True, "model": "MLP-KTLim/llama-3-Korean-Bllossom-8B", "demo": False}
    bot.ready = {"status": "ready", "parts": {**READY["parts"], "worker": worker}}
    await looked_at_again(page)
    await expect(status).to_contain_text("MLP-KTLim/llama-3-Korean-Bllossom-8B 준비됨")
    await expect(page.locator(".ideas button").first).to_have_text("안녕! 너는 누구야?")
    await expect(page.get_by_role("link", name="대시보드")).to_have_attribute("href", "/admin/")


async def test_errors_are_readable_and_a_reload_keeps_the_conversation(
    bot: StandInBot, browser_page: Page
) -> None:
    page = await opened(browser_page, bot)
    await write(page, "kakao", "안녕")
    await expect(page.locator(".theirs .bubble")).to_have_text("안녕하세요")
    bot.kakao_secret = bot.slack_secret = "another"
    await write(page, "kakao", "비밀이 틀리면")
    await expect(page.locator(".kakao .failure")).to_contain_text("HTTP 401")
    await write(page, "slack", "서명이 틀리면")
    await expect(page.locator(".slack .failure")).to_contain_text("dispatch_failed")
    await page.reload()
    await expect(page.locator(".mine .bubble")).to_have_text(["안녕", "비밀이 틀리면"])
    await expect(page.locator(".theirs .bubble")).to_have_text("안녕하세요")
    await page.get_by_role("button", name="처음부터").click()
    await expect(page.locator(".mine")).to_have_count(0)
    await write(page, "kakao", "새 사람")
    await expect(page.locator(".mine .bubble")).to_have_text("새 사람")


async def test_the_panes_stack_on_a_phone(bot: StandInBot, browser_page: Page) -> None:
    await browser_page.set_viewport_size({"width": 360, "height": 740})
    page = await opened(browser_page, bot)
    await write(page, "kakao", "좁은 화면" * 30 + "a" * 200)
    await expect(page.locator(".theirs")).to_have_count(1)
    kakao = await page.locator(".kakao").bounding_box()
    slack = await page.locator(".slack").bounding_box()
    assert kakao is not None
    assert slack is not None
    assert slack["y"] >= kakao["y"] + kakao["height"]
    width = await page.evaluate("document.documentElement.scrollWidth")
    assert width <= 360


@pytest.mark.parametrize("width", [360, 1280])
async def test_what_one_writes_and_the_button_to_send_it_share_a_line(
    bot: StandInBot, browser_page: Page, width: int
) -> None:
    await browser_page.set_viewport_size({"width": width, "height": 900})
    page = await opened(browser_page, bot)
    for pane in ("kakao", "generic"):
        field = await page.locator(f"#{pane}-text").bounding_box()
        button = await page.locator(f"#{pane}-form button").bounding_box()
        assert field
        assert button
        assert button["x"] >= field["x"] + field["width"]
        assert button["y"] < field["y"] + field["height"]
