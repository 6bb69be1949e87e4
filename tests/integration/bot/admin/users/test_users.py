"""Users as an admin adds and changes them."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.domain.dashboard_users import Role
from tests.support.admin import PASSWORD, Client, StartAdmin, add_user, log_in, send
from tests.support.audit import logged

NEW_PASSWORD = "새로 정한 긴 비밀번호 1"


async def test_with_nobody_in_the_table_the_first_admin_is_let_in_and_listed(
    operator: Client,
) -> None:
    html = await (await operator.get("/admin/users")).text()
    assert re.findall(r'href="/admin/users/\d+">([^<]+)<', html) == ["admin"]


async def test_a_one_time_password_is_shown_once_and_must_be_replaced(
    operator: Client, start_admin: StartAdmin, database: AsyncEngine
) -> None:
    added = await send(operator, "/admin/users", name="김하나", role="reviewer", reason="새 직원")
    assert added.status == 200
    html = await added.text()
    found = re.search(r"<p><code>([\w-]{16})</code></p>", html)
    assert found
    path = re.search(r'action="(/admin/users/\d+)/role"', html)
    assert path
    assert found[1] not in await (await operator.get(path[1])).text()
    hana = await start_admin(database)
    assert (await log_in(hana, found[1], user="김하나")).status == 303
    for page in ("/admin/", "/admin/conversations/1", "/admin/account/second-factor"):
        sent = await hana.get(page, allow_redirects=False)
        assert (sent.status, sent.headers["Location"]) == (303, "/admin/account")
    fields = {"current": found[1], "password": NEW_PASSWORD, "again": NEW_PASSWORD}
    assert (await send(hana, "/admin/account/password", **fields)).status == 303
    assert (await hana.get("/admin/", allow_redirects=False)).status == 200
    assert (await log_in(await start_admin(database), found[1], user="김하나")).status == 403
    entries = [(row.actor, row.action, row.object, row.reason) for row in await logged(database)]
    assert ("admin", "user_added", "user:김하나", "새 직원") in entries
    assert ("김하나", "password_changed", "user:김하나", "") in entries


async def test_a_one_time_password_ends_after_three_days(
    operator: Client, start_admin: StartAdmin, database: AsyncEngine
) -> None:
    added = await send(
        operator, "/admin/users", name="lee", role="viewer", password="twelve letters"
    )
    async with database.begin() as connection:
        ends = "UPDATE dashboard_users SET temporary_until = temporary_until - interval '3 days'"
        await connection.execute(text(ends))
    lee = await start_admin(database)
    refused = await log_in(lee, "twelve letters", user="lee")
    assert refused.status == 403
    assert "아이디 또는 비밀번호가 맞지 않습니다." in await refused.text()
    path = added.headers["Location"].partition("?")[0]
    await send(operator, f"{path}/password", password="thirteen letters")
    assert (await log_in(lee, "thirteen letters", user="lee")).status == 303
    fields = {"current": "thirteen letters", "password": NEW_PASSWORD, "again": NEW_PASSWORD}
    await send(lee, "/admin/account/password", **fields)
    async with database.connect() as connection:
        ends = "SELECT temporary_until FROM dashboard_users WHERE name = 'lee'"
        assert await connection.scalar(text(ends)) is None


async def test_reading_one_user_is_written_down(operator: Client, database: AsyncEngine) -> None:
    user_id = await add_user(database, "lee")
    await operator.get(f"/admin/users/{user_id}")
    newest = (await logged(database))[-1]
    assert (newest.action, newest.object) == ("users_read", "user:lee")


async def test_an_admin_may_type_the_first_password(
    operator: Client, start_admin: StartAdmin, database: AsyncEngine
) -> None:
    added = await send(
        operator, "/admin/users", name="lee", role="viewer", password="twelve letters"
    )
    assert added.status == 303
    assert "추가했습니다" in await (await operator.get(added.headers["Location"])).text()
    lee = await start_admin(database)
    assert (await log_in(lee, "twelve letters", user="lee")).status == 303
    assert (await lee.get("/admin/", allow_redirects=False)).headers["Location"] == "/admin/account"


@pytest.mark.parametrize(
    ("fields", "status", "sentence"),
    [
        ({"name": "", "role": "viewer"}, 400, "아이디는"),
        ({"name": "a b", "role": "viewer"}, 400, "아이디는"),
        ({"name": "<b>", "role": "viewer"}, 400, "아이디는"),
        ({"name": "a\x00\u202eb", "role": "viewer"}, 400, "아이디는"),
        ({"name": "가" * 65, "role": "viewer"}, 400, "아이디는"),
        ({"name": "park", "role": "owner"}, 400, "역할을"),
        ({"name": "park"}, 400, "역할을"),
        ({"name": "park", "role": "viewer", "password": "short"}, 400, "12자"),
        ({"name": "park", "role": "viewer", "password": "a" * 20}, 400, "반복"),
        ({"name": "park", "role": "viewer", "password": "가나다라" * 300}, 400, "1024자"),
        ({"name": "lee", "role": "viewer"}, 409, "이미 있는"),
        ({"name": "admin", "role": "viewer"}, 409, "이미 있는"),
    ],
)
async def test_an_unsound_user_is_refused_in_words_and_changes_nothing(
    operator: Client, database: AsyncEngine, fields: dict[str, str], status: int, sentence: str
) -> None:
    await add_user(database, "lee")
    before = len(await logged(database))
    response = await send(operator, "/admin/users", **fields)
    assert response.status == status
    assert sentence in await response.text()
    assert len(await logged(database)) == before


async def test_a_name_is_the_same_decomposed(operator: Client) -> None:
    assert (await send(operator, "/admin/users", name="하나", role="viewer")).status == 200
    decomposed = "\u1112\u1161\u1102\u1161"
    assert (await send(operator, "/admin/users", name=decomposed, role="viewer")).status == 409


async def test_nobody_changes_themselves_or_the_first_admin(
    operator: Client, start_admin: StartAdmin, database: AsyncEngine
) -> None:
    own = await add_user(database, "boss", Role.ADMIN)
    boss = await start_admin(database)
    await log_in(boss, user="boss")
    html = await (await boss.get("/admin/users")).text()
    found = re.search(r'href="/admin/users/(\d+)">admin<', html)
    assert found
    for user_id in (own, found[1]):
        for act in ("role", "state", "password", "second-factor"):
            response = await send(boss, f"/admin/users/{user_id}/{act}", role="viewer")
            assert response.status == 409


@pytest.mark.parametrize("wrong", ["0", "x", "-1", "999999", "9" * 30, "１", "%00"])
async def test_no_such_user_is_a_404_page(operator: Client, wrong: str) -> None:
    assert (await operator.get(f"/admin/users/{wrong}")).status == 404
    assert (await send(operator, f"/admin/users/{wrong}/role", role="viewer")).status == 404


async def test_changes_and_their_entries_are_one_transaction(
    operator: Client, database: AsyncEngine
) -> None:
    user_id = await add_user(database, "lee")
    async with database.begin() as connection:
        await connection.execute(text("ALTER TABLE audit_log RENAME TO away"))
    changed = await send(operator, f"/admin/users/{user_id}/state", state="disabled")
    assert changed.status == 503
    async with database.begin() as connection:
        await connection.execute(text("ALTER TABLE away RENAME TO audit_log"))
        disabled = await connection.scalar(
            text("SELECT disabled_at FROM dashboard_users WHERE name = 'lee'")
        )
    assert disabled is None


async def test_a_password_set_by_an_admin_ends_the_sessions(
    operator: Client, start_admin: StartAdmin, database: AsyncEngine
) -> None:
    user_id = await add_user(database, "lee")
    lee = await start_admin(database)
    await log_in(lee, user="lee")
    set_to = await send(operator, f"/admin/users/{user_id}/password", password=NEW_PASSWORD)
    assert set_to.status == 303
    assert (await lee.get("/admin/", allow_redirects=False)).status == 303
    assert (await log_in(lee, PASSWORD, user="lee")).status == 403
    assert (await log_in(lee, NEW_PASSWORD, user="lee")).status == 303


async def test_a_hostile_reason_is_escaped_in_the_log(
    operator: Client, database: AsyncEngine
) -> None:
    user_id = await add_user(database, "lee")
    attack = "<script>alert(1)</script>" * 40
    await send(operator, f"/admin/users/{user_id}/role", role="reviewer", reason=attack)
    html = await (await operator.get("/admin/audit")).text()
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert max(len(row.reason) for row in await logged(database)) == 200
