"""What users change of their own accounts."""

from __future__ import annotations

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.support.admin import PASSWORD, Client, StartAdmin, add_user, log_in, send

NEW = "완전히 다른 긴 비밀번호"


@pytest.fixture
async def lee(start_admin: StartAdmin, database: AsyncEngine) -> Client:
    await add_user(database, "lee")
    client = await start_admin(database)
    await log_in(client, user="lee")
    return client


async def test_another_password_ends_the_sessions_elsewhere_but_not_this_one(
    lee: Client, start_admin: StartAdmin, database: AsyncEngine
) -> None:
    elsewhere = await start_admin(database)
    await log_in(elsewhere, user="lee")
    fields = {"current": PASSWORD, "password": NEW, "again": NEW}
    changed = await send(lee, "/admin/account/password", **fields)
    assert changed.status == 303
    assert "바꿨습니다" in await (await lee.get(changed.headers["Location"])).text()
    assert (await elsewhere.get("/admin/", allow_redirects=False)).status == 303
    assert (await log_in(elsewhere, PASSWORD, user="lee")).status == 403
    assert (await log_in(elsewhere, NEW, user="lee")).status == 303


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"current": "틀린", "password": NEW, "again": NEW}, 403),
        ({"current": PASSWORD, "password": NEW, "again": NEW + "!"}, 400),
        ({"current": PASSWORD, "password": "short", "again": "short"}, 400),
        ({}, 403),
    ],
)
async def test_a_wrong_form_changes_no_password(
    lee: Client,
    start_admin: StartAdmin,
    database: AsyncEngine,
    fields: dict[str, str],
    status: int,
) -> None:
    assert (await send(lee, "/admin/account/password", **fields)).status == status
    assert (await log_in(await start_admin(database), PASSWORD, user="lee")).status == 303


async def test_the_own_password_cannot_be_guessed_in_an_open_session(lee: Client) -> None:
    path = "/admin/account/password"
    statuses = [(await send(lee, path, current="틀린")).status for _ in range(6)]
    assert statuses == [403] * 5 + [429]
    right = await send(lee, path, current=PASSWORD, password=NEW, again=NEW)
    assert (right.status, right.headers["Retry-After"]) == (429, "60")


async def test_the_first_admins_password_is_not_changed_here(operator: Client) -> None:
    assert "BOT_ADMIN_PASSWORD" in await (await operator.get("/admin/account")).text()
    fields = {"current": PASSWORD, "password": NEW, "again": NEW}
    assert (await send(operator, "/admin/account/password", **fields)).status == 409


@pytest.mark.parametrize("asked", ["", "fr", "<b>"])
async def test_an_unknown_language_is_refused(lee: Client, asked: str) -> None:
    assert (await send(lee, "/admin/account/language", language=asked)).status == 400


async def test_forms_need_the_sessions_token(lee: Client) -> None:
    for path in ("password", "language", "second-factor", "second-factor/off", "recovery-codes"):
        fields = {"csrf": "x" * 43, "current": PASSWORD}
        assert (await lee.post(f"/admin/account/{path}", data=fields)).status == 403
