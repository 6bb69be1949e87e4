import math
import re
from datetime import timedelta
from html import unescape
from urllib.parse import quote

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.admin.search.criteria import PAGE_SIZE
from tests.support.admin import Client
from tests.support.sample_turns import NOON, add_turn, conversation_of


async def listed(client: Client, query: str = "") -> list[str]:
    """The questions on the page, in its order."""
    response = await client.get(f"/admin/{query}")
    html = await response.text()
    assert response.status == 200, html
    return questions_of(html)


def questions_of(html: str) -> list[str]:
    questions = re.findall(r'class="who">질문</span>(.*?)\s*</p>', html, re.DOTALL)
    return [unescape(re.sub("</?mark>", "", question)) for question in questions]


def older_link(html: str) -> str:
    found = re.search(r'rel="next" href="([^"]+)"', html)
    return unescape(found[1]).removeprefix("/admin/") if found else ""


async def test_an_empty_log_says_so(operator: Client) -> None:
    assert "아직 대화가 없습니다" in await (await operator.get("/admin/")).text()
    assert "조건에 맞는 대화가 없습니다" in await (await operator.get("/admin/?q=환불")).text()


async def test_the_newest_turn_comes_first(operator: Client, database: AsyncEngine) -> None:
    for minute, question in ((0, "처음"), (2, "나중"), (1, "가운데")):
        await add_turn(database, question, received_at=NOON + timedelta(minutes=minute))
    assert await listed(operator) == ["나중", "가운데", "처음"]


async def test_a_row_tells_what_became_of_the_turn(operator: Client, database: AsyncEngine) -> None:
    await add_turn(database, "질문이에요", "가" * 100, sender="kakao-user-key-1")
    html = await (await operator.get("/admin/")).text()
    for fact in ("2026-11-20 12:00:00", "카카오톡", "답변 완료", "전달됨", "2.1초", "125 + 100"):
        assert fact in html
    assert "kakao-user-key-1" not in html


FILTERED: dict[str, set[str]] = {
    "?messenger=slack": {"슬랙 환불"},
    "?status=failed": {"실패"},
    "?delivery=failed": {"실패"},
    "?delivery=none": {"진행"},
    "?q=환불": {"카카오 환불", "슬랙 환불"},
    "?q=환불&messenger=kakao&status=answered&delivery=delivered": {"카카오 환불"},
    "?q=환불&status=failed": set(),
    "?to=2026-11-19": {"어제"},
    "?from=2026-11-20": {"카카오 환불", "슬랙 환불", "실패", "진행"},
    "?from=2026-11-19T12:00&to=2026-11-19T12:00": {"어제"},
    "?from=2026-11-19T12:01&to=2026-11-20T11:59": set(),
    "?to=2026-11-19T11:59": set(),
    "?messenger=&status=&q=&from=&to=&delivery=none&q=": {"진행"},
}


async def test_filters_narrow_and_combine(operator: Client, database: AsyncEngine) -> None:
    await add_turn(database, "카카오 환불", "네", key="a")
    await add_turn(database, "슬랙 환불", "네", messenger="slack", key="b")
    await add_turn(database, "실패", None, key="c", status="failed", delivery="failed")
    await add_turn(database, "진행", None, key="d", status="queued", delivery=None)
    await add_turn(database, "어제", "네", key="e", received_at=NOON - timedelta(days=1))
    assert {query: set(await listed(operator, query)) for query in FILTERED} == FILTERED


@pytest.mark.parametrize(
    "hostile", ["%00", "%ff", "%ed%a0%80", "'", '"', "%5c", "{{7*7}}", "%25%25"]
)
async def test_odd_search_words_find_nothing_and_break_nothing(
    operator: Client, database: AsyncEngine, hostile: str
) -> None:
    await add_turn(database, "평범한 질문")
    response = await operator.get(f"/admin/?q={hostile}{hostile}")
    assert response.status == 200


async def test_the_form_shows_what_the_url_asks_for(operator: Client) -> None:
    query = "q=%22%3Cb%3E&messenger=slack&status=failed&delivery=held&from=2026-11-20T10:00"
    html = await (await operator.get(f"/admin/?{query}")).text()
    assert 'value="&#34;&lt;b&gt;"' in html
    assert html.count(" selected>") == 3
    assert 'value="2026-11-20T10:00"' in html


async def test_pages_have_neither_gaps_nor_repeats_while_rows_arrive(
    operator: Client, database: AsyncEngine
) -> None:
    for number in range(120):  # thirty at the same microsecond
        at = NOON + timedelta(seconds=max(number, 30))
        await add_turn(database, f"환불 {number}", key=str(number % 7), received_at=at)
    seen: list[str] = []
    query = "?q=환불&messenger=kakao"
    for _ in range(math.ceil(120 / PAGE_SIZE)):
        html = await (await operator.get(f"/admin/{query}")).text()
        seen += questions_of(html)
        await add_turn(database, "환불 새것", received_at=NOON + timedelta(hours=1))
        query = older_link(html)
        if query:
            assert "messenger=kakao" in query
    assert query == ""
    assert len(seen) == 120
    assert set(seen) == {f"환불 {number}" for number in range(120)}


async def test_personal_data_is_masked_in_list_and_dialogue(
    operator: Client, database: AsyncEngine
) -> None:
    secrets = ("010-1234-5678", "hong@example.com", "900101-1234567", "1234-5678-9012-3456")
    turn = await add_turn(
        database,
        " ".join(f"{secret}로" for secret in secrets),
        f"{secrets[0]}로 전화드릴게요",
        sender="person-secret",
        key="room-secret",
        status="failed",
        failure_message=f"refused {secrets[1]}",
    )
    room = await conversation_of(database, "room-secret")
    pages = [f"turns/{turn}{page}" for page in ("", "/request", "/texts/question", "/texts/prompt")]
    for path in ("", f"conversations/{room}", *pages):
        html = await (await operator.get(f"/admin/{path}")).text()
        assert "[전화번호]로" in html
        for secret in (*secrets, "person-secret", "room-secret"):
            assert secret not in html


HIDDEN = (
    "010-1234-5678",
    "hong@example.com",
    "900101-1234567",
    "1234-5678-9012-3456",
    "12나3456",
)


@pytest.mark.parametrize("hidden", HIDDEN)
async def test_a_search_finds_nothing_of_what_masking_hides(
    operator: Client, database: AsyncEngine, hidden: str
) -> None:
    """Else a search would tell a number's digits, a few at a time."""
    await add_turn(database, f"제 것은 {hidden}입니다", "네", key="asks")
    await add_turn(database, "제 것은요?", f"{hidden}로 보낼게요", key="answered")
    for length in (1, 2, 3, 4, 6, len(hidden)):
        for start in range(len(hidden) - length + 1):
            guess = hidden[start : start + length]
            assert await listed(operator, f"?q={quote(guess)}") == [], guess
    for across in (f"것은 {hidden[:3]}", f"{hidden[-3:]}입니다", f"{hidden[-3:]}로"):
        assert await listed(operator, f"?q={quote(across)}") == [], across
    for shown, found in (("것은", 2), ("입니다", 1), ("로 보낼", 1)):
        assert len(await listed(operator, f"?q={quote(shown)}")) == found, shown


@pytest.mark.parametrize(
    "guess",
    ["종로구", "세종대로175", '"세종대로 175"', '"서울시 종로구"', "ㅅㅈㄷㄹ", "서울시 배송", "75"],
)
async def test_a_search_finds_nothing_of_a_masked_address(
    operator: Client, database: AsyncEngine, guess: str
) -> None:
    address = "서울시 종로구 세종대로 175"
    await add_turn(database, f"배송은 {address}입니다", f"{address}에 배송해요")
    assert await listed(operator, f"?q={quote(guess)}") == []
    assert len(await listed(operator, "?q=" + quote('"배송은"'))) == 1


async def test_hidden_matches_take_no_place_on_the_pages(
    operator: Client, database: AsyncEngine
) -> None:
    for number in range(130):
        at = NOON + timedelta(seconds=number)
        words = f"주문 5678 {number}" if number % 2 else f"010-1234-5678 {number}"
        await add_turn(database, words, key=str(number % 7), received_at=at)
    seen: list[str] = []
    query = "?q=5678"
    while query:
        html = await (await operator.get(f"/admin/{query}")).text()
        found = questions_of(html)
        query = older_link(html)
        assert len(found) == PAGE_SIZE or not query
        seen += found
    assert seen == [f"주문 5678 {number}" for number in range(129, 0, -2)]


@pytest.mark.parametrize(
    ("words", "query"),
    [
        ("환불 규정", "환불규정"),
        ("환불규정", "환불 규정"),
        ("STRASSE", "strasse"),
        ("cafe", "CAFE"),
    ],
)
async def test_what_is_shown_is_found_in_any_case(
    operator: Client, database: AsyncEngine, words: str, query: str
) -> None:
    await add_turn(database, words, "네")
    assert await listed(operator, f"?q={quote(query)}") == [words]


async def test_a_number_is_masked_before_the_text_is_cut(
    operator: Client, database: AsyncEngine
) -> None:
    for length in range(125, 142):
        await add_turn(database, "가" * length + "010-1234-5678", key=str(length))
    html = await (await operator.get("/admin/")).text()
    assert "가010-" not in html


async def test_a_search_that_takes_too_long_says_so(
    operator: Client, database: AsyncEngine
) -> None:
    """The table is locked as by a migration: the statement's time limit ends the wait."""
    async with database.connect() as other:
        locker = await other.execution_options(isolation_level="READ COMMITTED")
        await locker.execute(text("LOCK TABLE turns IN ACCESS EXCLUSIVE MODE"))
        response = await operator.get("/admin/?q=환")
    assert response.status == 503
    assert "제한 시간 안에 검색을 마치지 못했습니다" in await response.text()


async def test_a_page_of_the_longest_turns_is_below_60_kilobytes(
    operator: Client, database: AsyncEngine
) -> None:
    for number in range(PAGE_SIZE + 1):
        await add_turn(database, "가" * 500, "나" * 2000, delivery="unconfirmed", key=str(number))
    response = await operator.get("/admin/")
    assert len(questions_of(await response.text())) == PAGE_SIZE
    assert len(await response.read()) < 60_000
