"""Filters and cursors that nobody could have chosen on the page."""

import pytest

from tests.support.admin import Client


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("?messenger=telegram", "메신저에 알 수 없는 값"),
        ("?status=gone", "상태에 알 수 없는 값"),
        ("?delivery=%00", "전달 상태에 알 수 없는 값"),
        ("?from=yesterday", "시작 시각을 읽을 수 없습니다"),
        ("?to=0001-01-01", "끝 시각을 읽을 수 없습니다"),
        ("?to=9999-12-31T23:59", "끝 시각을 읽을 수 없습니다"),
        ("?from=2026-11-20&to=2026-11-19", "시작 시각이 끝 시각보다 늦습니다"),
        ("?q=" + "가" * 201, "검색어는 200자까지"),
    ],
)
async def test_a_bad_filter_gets_a_sentence_and_keeps_the_form(
    operator: Client, query: str, sentence: str
) -> None:
    response = await operator.get(f"/admin/{query}")
    assert response.status == 400
    html = await response.text()
    assert sentence in html
    assert 'name="q"' in html


@pytest.mark.parametrize("cursor", ["x", "AAAA", "한글", "!" * 32, "A" * 400, "f" * 31 + "="])
async def test_a_cursor_of_another_making_is_refused(operator: Client, cursor: str) -> None:
    response = await operator.get("/admin/", params={"after": cursor})
    assert response.status == 400
    assert "페이지 주소" in await response.text()
