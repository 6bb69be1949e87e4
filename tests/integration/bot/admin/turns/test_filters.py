"""Filters and cursors that nobody could have chosen on the page."""

import re
from datetime import timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.admin.search.criteria import PAGE_SIZE
from tests.support.admin import Client
from tests.support.sample_turns import NOON, add_turn


@pytest.mark.parametrize(
    ("query", "token", "reason"),
    [
        ("?messenger=telegram", "메신저:telegram", "알 수 없는 값"),
        ("?status=gone", "상태:gone", "알 수 없는 값"),
        ("?delivery=%00x", "전달:x", "알 수 없는 값"),
        ("?from=yesteryear", "날짜:yesteryear..", "날짜를 읽을 수 없습니다"),
        ("?to=0001-01-01", "날짜:..0001-01-01", "날짜를 읽을 수 없습니다"),
        ("?to=9999-12-31T23:59", "날짜:..9999-12-31T23:59", "날짜를 읽을 수 없습니다"),
        ("?from=2026-11-20&to=2026-11-19", "날짜", "시작이 끝보다 늦습니다"),
        ("?q=" + "가" * 201, "가" * 40 + "…", "낱말은 200자까지"),
        ("?q=색:파랑", "색:파랑", "조건은 없습니다"),
        ("?q=시간:>조금", "시간:&gt;조금", "시간을 읽을 수 없습니다"),
    ],
)
async def test_a_filter_that_cannot_be_read_is_named_and_the_form_stays(
    operator: Client, query: str, token: str, reason: str
) -> None:
    response = await operator.get(f"/admin/{query}")
    assert response.status == 400
    html = await response.text()
    [problem] = re.findall(r"<li><code>(.*?)</code>(.*?)</li>", html)
    assert problem[0] == token
    assert reason in problem[1]
    assert 'name="q"' in html


async def test_the_rest_of_a_search_is_kept(operator: Client, database: AsyncEngine) -> None:
    await add_turn(database, "환불은요?", key="a")
    await add_turn(database, "배송은요?", key="b")
    response = await operator.get("/admin/?q=환불&status=gone")
    html = await response.text()
    assert "환불</mark>은요?" in html
    assert "배송은요?" not in html


@pytest.mark.parametrize("cursor", ["x", "AAAA", "한글", "!" * 32, "A" * 400, "f" * 31 + "="])
async def test_a_cursor_of_another_making_is_refused(operator: Client, cursor: str) -> None:
    response = await operator.get("/admin/", params={"after": cursor})
    assert response.status == 400
    assert "페이지 주소" in await response.text()


async def test_a_cursor_of_another_filter_goes_on_from_its_moment(
    operator: Client, database: AsyncEngine
) -> None:
    """A cursor is a place in time, whatever the search: nothing is shown twice or unasked."""
    for number in range(PAGE_SIZE + 2):
        at = NOON + timedelta(minutes=number)
        await add_turn(database, f"환불 {number}", key=f"r{number}", received_at=at)
    await add_turn(database, "배송 옛날", key="old", received_at=NOON - timedelta(hours=1))
    await add_turn(database, "배송 오늘", key="new", received_at=NOON + timedelta(days=1))
    first = await (await operator.get("/admin/?q=환불")).text()
    [cursor] = re.findall(r'rel="next" href="[^"]*?after=([^"&]+)"', first)
    html = await (await operator.get(f"/admin/?q=배송&after={cursor}")).text()
    assert "옛날" in html
    assert "오늘" not in html
    assert "환불" not in html.split('class="turns"')[1]
