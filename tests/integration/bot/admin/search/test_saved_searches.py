"""Searches that an operator saves, uses again and deletes."""

from __future__ import annotations

import re
from html import unescape

import pytest
from aiohttp import ClientResponse
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.domain.audit import AuditAction
from bot.store.search import saved
from tests.support.admin import Client, StartAdmin, add_user, csrf_of, log_in
from tests.support.audit import logged
from tests.support.sample_turns import add_turn


async def save(client: Client, name: str, query: str) -> ClientResponse:
    token = csrf_of(await (await client.get("/admin/")).text())
    form = {"csrf": token, "name": name, "q": query}
    return await client.post("/admin/searches", data=form, allow_redirects=False)


async def saved_links(client: Client) -> dict[str, str]:
    html = await (await client.get("/admin/")).text()
    links = re.findall(r'<li>\s*<a href="([^"]*)">(.*?)</a>\s*<button', html)
    return {unescape(name): unescape(url) for url, name in links}


async def test_a_saved_search_is_used_again_replaced_and_deleted(
    operator: Client, database: AsyncEngine
) -> None:
    await add_turn(database, "환불은요?", key="a")
    await add_turn(database, "배송은요?", key="b")
    response = await save(operator, "환불 건", '환불 상태:"답변 완료"')
    assert response.status == 303
    [(name, url)] = (await saved_links(operator)).items()
    assert name == "환불 건"
    html = await (await operator.get(url)).text()
    assert "환불</mark>은요?" in html
    assert "배송은요?" not in html
    await save(operator, "환불 건", "배송")
    [(_, url)] = (await saved_links(operator)).items()
    html = await (await operator.get(url)).text()
    assert "배송</mark>은요?" in html
    deletion = re.search(r'formaction="(/admin/searches/\d+/delete)"', html)
    assert deletion
    form = {"csrf": csrf_of(html)}
    assert (await operator.post(deletion[1], data=form, allow_redirects=False)).status == 303
    assert await saved_links(operator) == {}
    kept = [row for row in await logged(database) if row.object.startswith("search:")]
    number = deletion[1].split("/")[3]
    assert [(row.action, row.object) for row in kept] == [
        (AuditAction.SEARCH_SAVED, f"search:{number}"),
        (AuditAction.SEARCH_SAVED, f"search:{number}"),
        (AuditAction.SEARCH_DELETED, f"search:{number}"),
    ]
    again = await operator.post(deletion[1], data=form, allow_redirects=False)
    assert again.status == 404
    assert "저장한 검색을 찾을 수 없습니다" in await again.text()


async def test_the_form_saves_what_was_read_of_the_search(operator: Client) -> None:
    html = await (await operator.get("/admin/?q=환불+상태:실패&messenger=kakao")).text()
    assert 'name="q" value="환불 status:failed messenger:kakao"' in html


async def test_names_and_searches_are_shown_as_they_are(operator: Client) -> None:
    name, query = "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>'
    await save(operator, name, query)
    html = await (await operator.get("/admin/")).text()
    assert "<script>alert" not in html
    assert "<img src=x" not in html
    assert list(await saved_links(operator)) == [name]


@pytest.mark.parametrize(
    ("name", "query"),
    [("", "환불"), ("\u200b ", "환불"), ("가" * 61, "환불"), ("이름", "가" * 801)],
)
async def test_a_search_without_a_usable_name_or_too_long_is_refused(
    operator: Client, name: str, query: str
) -> None:
    response = await save(operator, name, query)
    assert response.status == 400
    assert await saved_links(operator) == {}


async def test_their_number_is_bounded(operator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saved, "MAX_SAVED", 2)
    statuses = [(await save(operator, name, "환불")).status for name in ("a", "b", "c", "b")]
    assert statuses == [303, 303, 409, 303]


async def test_an_operator_sees_and_deletes_only_the_own_ones(
    operator: Client, start_admin: StartAdmin, database: AsyncEngine
) -> None:
    await save(operator, "내 검색", "환불")
    await add_user(database, "other")
    other = await start_admin(database)
    await log_in(other, user="other")
    assert await saved_links(other) == {}
    html = await (await operator.get("/admin/")).text()
    deletion = re.search(r'formaction="(/admin/searches/\d+/delete)"', html)
    assert deletion
    form = {"csrf": csrf_of(await (await other.get("/admin/")).text())}
    assert (await other.post(deletion[1], data=form, allow_redirects=False)).status == 404
    assert list(await saved_links(operator)) == ["내 검색"]


async def test_a_form_without_its_token_saves_nothing(operator: Client) -> None:
    form = {"csrf": "x", "name": "이름", "q": "환불"}
    response = await operator.post("/admin/searches", data=form, allow_redirects=False)
    assert response.status == 403
    assert await saved_links(operator) == {}
