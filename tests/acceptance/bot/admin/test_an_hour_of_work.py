"""An hour at the dashboard: find, read, judge, improve, erase; what was done stays provable."""

from __future__ import annotations

import asyncio
import json
import re
import time
import warnings
import zipfile
from collections import Counter
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
from playwright.async_api import Locator, Page, expect

from bot.admin.login import one_time_codes
from bot.domain.audit import AuditAction
from bot.store.audit_chain import check_chain
from tests.acceptance.bot.admin.conftest import OTHER, OTHER_PRESET, POLITE, other_worker
from tests.support.audit import logged
from tests.support.stack import ADMIN_PASSWORD, Stack

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(300)]

#: How long a page is looked at before it is loaded again.
LOOK_MS = 1_000
LOOKS = 60
#: By person; each asks for every subject.
THINGS = {"민수": "파란 모자", "영희": "보라색 코트", "지훈": "검은 구두", "서연": "하얀 셔츠"}
SUBJECTS = ("기한", "수수료", "방법", "서류", "조건")
QUESTIONS = {
    f"{thing} 환불 {subject} 알려 주세요" for thing in THINGS.values() for subject in SUBJECTS
}
TURNS = len(QUESTIONS)
CORRECTION = "산 지 이레 안에 돌려받을 수 있어요."
REASON = "고객센터 접수 17번"
PAIRS = 5
#: As the form names the other preset's model on its worker.
OTHER_ENGINE = f"{OTHER.model} (test)"


async def test_an_hour_of_work(
    stack: Stack,
    database_url: str,
    redis_url: str,
    browser_page: Page,
    second_browser_page: Page,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    admin, reviewer = browser_page, second_browser_page
    await people_ask(stack)
    await log_in_with_a_second_factor(admin, stack)
    await log_in_by_the_provider(reviewer, stack)
    await find_and_save(admin)
    await read(admin)
    await make_a_queue(reviewer)
    await judge_by_keyboard(reviewer)
    archive = await build_and_download(reviewer, tmp_path)
    await asyncio.to_thread(read_back, archive, tmp_path / "set")
    async with other_worker(stack, database_url, redis_url):
        await ask_again(admin)
    await compare_blind(reviewer)
    await read_the_win_rate(reviewer)
    await erase_a_person(admin)
    await search_in_vain(admin, reviewer)
    await find_them_in_no_data_set(reviewer)
    await read_the_audit_log(admin)
    await check_the_audit_chain(stack)


async def people_ask(stack: Stack) -> None:
    async def ask(person: str, thing: str) -> None:
        for subject in SUBJECTS:
            question = f"{thing} 환불 {subject} 알려 주세요"
            said = await stack.say_kakao(question, user=person, timeout_s=60)
            assert said.bubbles == [f"답: {question}"]

    await asyncio.gather(*(ask(*pair) for pair in THINGS.items()))
    await stack.say_kakao("배송은 언제 오나요?", user="민수", timeout_s=60)


async def log_in_with_a_second_factor(page: Page, stack: Stack) -> None:
    await give_password(page, stack)
    await page.get_by_role("link", name="내 계정").click()
    await page.get_by_label("지금 비밀번호").fill(ADMIN_PASSWORD)
    await page.get_by_role("button", name="2단계 인증 켜기").click()
    secret = (await page.locator(".secret code").first.inner_text()).replace(" ", "")
    await page.get_by_label("앱에 보이는 6자리 코드").fill(code(secret))
    await page.get_by_role("button", name="켜기").click()
    await expect(page.locator(".codes li")).to_have_count(10)
    await page.get_by_role("button", name="로그아웃").click()
    await expect(page.get_by_role("heading", name="로그인")).to_be_visible()
    await give_password(page, stack)
    # The first code is used up; clocks may differ by a step, so the next one is good already.
    await page.get_by_label("인증 앱의 코드").fill(code(secret, steps=1))
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="대화 목록")).to_be_visible()


async def give_password(page: Page, stack: Stack) -> None:
    await page.goto(f"{stack.url}/admin/")
    await page.get_by_label("아이디").fill("admin")
    await page.get_by_label("비밀번호").fill(ADMIN_PASSWORD)
    await page.get_by_role("button", name="로그인").click()


def code(secret: str, steps: int = 0) -> str:
    """What the person's app shows, so many steps from now."""
    moment = int(time.time()) + steps * one_time_codes.STEP_S
    return one_time_codes._totp(secret).generate(moment).decode()


async def log_in_by_the_provider(page: Page, stack: Stack) -> None:
    await page.goto(f"{stack.url}/admin/")
    await page.get_by_role("link", name="회사 계정으로 로그인").click()
    await expect(page.get_by_role("heading", name="대화 목록")).to_be_visible()
    await page.get_by_role("link", name="내 계정").click()
    await expect(page.get_by_text("kim · 검토자")).to_be_visible()


async def find_and_save(page: Page) -> None:
    for words in ("ㅎㅂ", "환불"):
        await search(page, words)
        await expect(page.locator(".turns > li")).to_have_count(TURNS)
        await expect(page.locator("mark", has_text="환불").first).to_be_visible()
        await expect(page.get_by_text("배송은 언제 오나요?")).to_have_count(0)
    await page.get_by_text("이 검색을 저장").click()
    await page.get_by_label("이름").fill("환불 문의")
    await page.get_by_role("button", name="저장").click()
    await expect(page.get_by_role("link", name="환불 문의")).to_be_visible()


async def search(page: Page, words: str) -> None:
    await open_list(page)
    await page.get_by_label("질문·답변 검색").fill(words)
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(re.compile(r"[?&]q=."))


async def open_list(page: Page) -> None:
    await page.goto(urljoin(page.url, "/admin/"))
    await expect(page.get_by_role("heading", name="대화 목록")).to_be_visible()


async def read(page: Page) -> None:
    await search(page, "코트 조건")
    await page.get_by_role("link", name="대화 보기").click()
    dialogue = page.locator(".dialogue")
    for subject in SUBJECTS:
        question = f"보라색 코트 환불 {subject} 알려 주세요"
        await expect(dialogue.get_by_text(question, exact=True)).to_be_visible()
        await expect(dialogue.get_by_text(f"답: {question}", exact=True)).to_be_visible()
    await dialogue.get_by_role("link", name="자세히 2", exact=True).click()
    await expect(page.get_by_role("heading", name="의 질문 2")).to_be_visible()
    await expect(page.get_by_role("heading", name="시간표")).to_be_visible()
    await page.get_by_role("link", name="모델이 읽은 대로").click()
    await expect(page.get_by_text("보라색 코트 환불 수수료 알려 주세요").last).to_be_visible()


async def make_a_queue(page: Page) -> None:
    await search(page, "환불")
    await page.get_by_role("link", name="이 검색으로 검토 대기열 만들기").click()
    await page.get_by_label("이름").fill("환불 답변")
    await page.get_by_role("button", name="대기열 만들기").click()
    await expect(page.get_by_role("heading", name="환불 답변")).to_be_visible()
    await reload_until(page, page.get_by_text(f"{TURNS}개 가운데 0개 마침"))


async def judge_by_keyboard(page: Page) -> None:
    keys = page.keyboard
    await page.wait_for_load_state()
    await keys.press("Control+Enter")
    for place in range(1, TURNS + 1):
        await expect(page.get_by_text(f"{place}번째", exact=True)).to_be_visible()
        await page.wait_for_load_state()  # the script of the keys, too
        await keys.press("2" if place == 1 else "1")
        if place == 1:
            await keys.press("e")
            await keys.press("Control+a")
            await keys.insert_text(CORRECTION)
            await keys.press("Escape")
        await keys.press("Control+Enter")
    await expect(page.get_by_text("답변을 모두 보았습니다")).to_be_visible()
    await expect(page.get_by_text(f"{TURNS}개 가운데 {TURNS}개 마침")).to_be_visible()
    await expect(page.get_by_role("row", name="kim")).to_contain_text(str(TURNS))


async def build_and_download(page: Page, folder: Path) -> Path:
    await search(page, "환불")
    await page.locator(".export summary").click()
    await page.get_by_role("link", name="이 검색으로 데이터 세트 만들기").click()
    await page.get_by_label("이름").fill("환불 학습")
    await page.get_by_label("종류").select_option("sft")
    await page.get_by_role("button", name="만들기").click()
    made = f"대화 {TURNS}건을 보고 {TURNS}개 항목을 만들었습니다."
    await expect(page.get_by_text(made)).to_be_visible()
    await page.get_by_label("내보내는 사유").fill(REASON)
    await page.get_by_role("button", name="내보내기").click()
    await expect(page.locator("#progress")).to_contain_text("완료")
    async with page.expect_download() as download:
        await page.get_by_role("button", name="파일 받기").click()
    archive = folder / "set.zip"
    await (await download.value).save_as(archive)
    return archive


def read_back(archive: Path, folder: Path) -> None:
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(folder)
    assert "환불" in (folder / "README.md").read_text("utf-8")
    rows = load(folder)
    said = [[one["content"] for one in row["messages"]] for row in rows]
    assert {words[-2] for words in said} == QUESTIONS
    corrected = [words for words in said if words[-1] == CORRECTION]
    assert len(corrected) == 1
    assert all(words[-1] == f"답: {words[-2]}" for words in said if words not in corrected)
    assert len({row["id"] for row in rows}) == TURNS


def load(folder: Path) -> list[dict[str, Any]]:
    """The items, as `datasets` reads them; where it is not installed, as JSON."""
    if find_spec("datasets"):
        with warnings.catch_warnings(action="ignore"):  # what other packages warn of is not ours
            datasets = import_module("datasets")
            splits = datasets.load_dataset(str(folder), cache_dir=str(folder.parent / "cache"))
        return [row for split in splits.values() for row in split]
    texts = [file.read_bytes().decode() for file in sorted(folder.glob("*.jsonl"))]
    return [json.loads(line) for text in texts for line in text.split("\n") if line]


async def ask_again(page: Page) -> None:
    await open_list(page)
    await page.get_by_role("link", name="환불 문의").click()
    await page.get_by_role("link", name="다시 물어보고 비교하기").click()
    await page.get_by_label("이름").fill("다른 프리셋")
    await page.get_by_label("질문 수").fill(str(PAIRS))
    await page.get_by_label("엔진").select_option(label=OTHER_ENGINE)
    await page.get_by_label("프리셋").select_option(OTHER_PRESET)
    await page.get_by_role("button", name="다시 물어보기").click()
    await reload_until(page, page.get_by_text(f"{PAIRS}건 가운데 {PAIRS}건 끝남"))


async def compare_blind(page: Page) -> None:
    await page.get_by_role("link", name="개선", exact=True).click()
    await page.get_by_role("link", name="다른 프리셋").click()
    await expect(page.get_by_text("무엇을 바꿨는지는 결과와 함께 보입니다.")).to_be_visible()
    await page.get_by_role("link", name="비교하기").click()
    for voted in range(PAIRS):
        counted = page.get_by_text(f"{PAIRS}쌍 가운데 {voted}쌍에 투표했습니다.")
        await expect(counted).to_be_visible()
        left = page.get_by_role("region", name="왼쪽 답변")
        better = "왼쪽이 더 나음" if POLITE in await left.inner_text() else "오른쪽이 더 나음"
        await page.get_by_role("button", name="비슷함" if voted == 0 else better).click()
    await page.get_by_role("link", name="결과를 보러 가기").click()


async def read_the_win_rate(page: Page) -> None:
    await expect(page.get_by_text("승률")).to_have_count(0)
    await page.get_by_role("button", name="투표를 마치고 결과 보기").click()
    rate = page.get_by_text(re.compile(r"새 답변의 승률 90\.0% \(95% 신뢰구간 [\d.]+%~[\d.]+%\)"))
    await expect(rate).to_be_visible()
    for side, votes in (("새 답변", PAIRS - 1), ("이전 답변", 0), ("비슷함", 1)):
        await expect(page.get_by_role("row", name=f"{side} {votes}", exact=True)).to_be_visible()
    for changed in (OTHER_ENGINE, OTHER_PRESET):
        await expect(page.get_by_text(changed, exact=True)).to_be_visible()


async def erase_a_person(page: Page) -> None:
    await search(page, "코트 조건")
    await page.get_by_role("link", name="대화 보기").click()
    await page.locator(".bubble.person .name a code").first.click()
    await expect(page.get_by_text(f"질문 {len(SUBJECTS)}개").first).to_be_visible()
    await page.get_by_role("link", name="차단·삭제·내려받기").click()
    form = page.locator("form", has=page.get_by_role("heading", name="삭제", exact=True))
    await form.get_by_label("사유").fill(REASON)
    await form.get_by_label("되돌릴 수 없다는 것을 확인했습니다.").check()
    await form.get_by_role("button", name="모두 삭제").click()
    await reload_until(page, page.get_by_text("삭제를 마쳤습니다"))
    await page.get_by_role("link", name="삭제 확인서").click()
    await expect(page.get_by_role("heading", name="삭제 확인서")).to_be_visible()
    erased = page.get_by_role("row", name=f"질문과 답변 {len(SUBJECTS)}", exact=True)
    await expect(erased).to_be_visible()


async def search_in_vain(*pages: Page) -> None:
    for page in pages:
        for words in ("보라색", "ㅂㄹㅅ", "코트 수수료"):
            await search(page, words)
            await expect_nothing(page)
            await page.reload()
            await expect_nothing(page)
        await search(page, "환불")
        left = TURNS - len(SUBJECTS)
        await expect(page.locator(".turns > li")).to_have_count(left)


async def expect_nothing(page: Page) -> None:
    await expect(page.get_by_text("조건에 맞는 대화가 없습니다.")).to_be_visible()
    await expect(page.locator(".turns > li")).to_have_count(0)


async def find_them_in_no_data_set(page: Page) -> None:
    await page.get_by_role("link", name="개선", exact=True).click()
    await page.get_by_role("link", name="데이터 세트", exact=True).click()
    await page.get_by_role("link", name="환불 학습 v1").click()
    await page.get_by_role("link", name="항목 보기").click()
    await expect(page.locator(".items > li")).to_have_count(10)
    await expect(page.get_by_text("보라색")).to_have_count(0)
    await page.get_by_role("link", name="다음 항목").click()
    rest = TURNS - len(SUBJECTS) - 10
    await expect(page.locator(".items > li")).to_have_count(rest)
    await expect(page.get_by_text("보라색")).to_have_count(0)


async def read_the_audit_log(page: Page) -> None:
    await page.get_by_role("link", name="관리", exact=True).click()
    await page.get_by_role("link", name="접속기록").click()
    await page.get_by_label("작업").select_option(label="사용자 삭제")
    await page.get_by_role("button", name="검색").click()
    act = page.locator(".acts > li")
    await expect(act).to_have_count(1)
    await expect(act).to_contain_text(f"사유: {REASON}")


async def check_the_audit_chain(stack: Stack) -> None:
    async with stack.database.connect() as connection:
        checked = await check_chain(connection)
    rows = await logged(stack.database)
    assert (checked.broken_at, checked.cause, checked.rows) == (None, "", len(rows))
    done = Counter((row.actor, AuditAction(row.action)) for row in rows)
    assert done[("kim", AuditAction.REVIEW_WRITTEN)] == TURNS
    assert done[("kim", AuditAction.REPLAY_VOTED)] == PAIRS
    acts = {actor: {act for who, act in done if who == actor} for actor in ("admin", "kim")}
    assert ACTS_OF_THE_ADMIN - acts["admin"] == set()
    assert ACTS_OF_THE_REVIEWER - acts["kim"] == set()
    reasons = {row.reason for row in rows if row.action == AuditAction.PERSON_ERASED}
    assert reasons == {REASON}


ACTS_OF_THE_ADMIN = {
    AuditAction.LOGIN,
    AuditAction.FACTOR_SWITCHED_ON,
    AuditAction.LOGOUT,
    AuditAction.TURNS_READ,
    AuditAction.SEARCH_SAVED,
    AuditAction.CONVERSATION_READ,
    AuditAction.TURN_READ,
    AuditAction.PROMPT_READ,
    AuditAction.REPLAY_ORDERED,
    AuditAction.PERSON_READ,
    AuditAction.PERSON_ERASED,
}
ACTS_OF_THE_REVIEWER = {
    AuditAction.LOGIN,
    AuditAction.REVIEW_QUEUE_CREATED,
    AuditAction.REVIEW_READ,
    AuditAction.DATASET_BUILT,
    AuditAction.EXPORT_ORDERED,
    AuditAction.EXPORT_DOWNLOADED,
    AuditAction.REPLAY_READ,
    AuditAction.REPLAY_REVEALED,
}


async def reload_until(page: Page, shown: Locator) -> None:
    """Load the page again, as its link says, until the work that it shows has come so far."""
    for _ in range(LOOKS):
        try:
            await expect(shown).to_be_visible(timeout=LOOK_MS)
        except AssertionError:
            await page.reload()
        else:
            return
    await expect(shown).to_be_visible()
