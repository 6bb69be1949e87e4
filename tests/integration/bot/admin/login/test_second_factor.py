"""One-time codes and recovery codes, from switching them on to the telephone that is gone."""

from __future__ import annotations

import asyncio
import re
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.admin.login import one_time_codes
from bot.admin.login.sessions import MAX_CODE_S
from bot.domain.audit import AuditAction
from tests.support.admin import (
    PASSWORD,
    SECRET_KEY,
    Client,
    Clock,
    StartAdmin,
    add_user,
    csrf_of,
    log_in,
    send,
)
from tests.support.audit import logged

STEP_S = one_time_codes.STEP_S
OTHER_KEY = "b3RoZXIga2V5IG9mIDMyIGJ5dGVzIGZvciB0ZXN0czE="


def code(secret: str, clock: Clock, steps: int = 0) -> str:
    """What the app shows, so many steps from now."""
    return one_time_codes._totp(secret).generate(int(clock.now) + steps * STEP_S).decode()


async def enrol(client: Client, clock: Clock) -> tuple[str, list[str]]:
    """Switch the second factor on; the secret and the recovery codes."""
    begun = await send(client, "/admin/account/second-factor", current=PASSWORD)
    assert begun.status == 303
    html = await (await client.get(begun.headers["Location"])).text()
    found = re.search(r"<p><code>([A-Z2-7 ]+)</code></p>", html)
    assert found
    secret = found[1].replace(" ", "")
    on = await send(client, "/admin/account/second-factor/confirm", code=code(secret, clock))
    assert on.status == 200
    codes = re.findall(r"<li><code>([\w-]+)</code></li>", await on.text())
    assert len(codes) == 10
    clock.now += STEP_S  # the confirming code is used up
    return secret, codes


async def give_code(client: Client, typed: str) -> int:
    """Type a code on the page behind a right password; the status."""
    shown = await client.get("/admin/login/code")
    if shown.url.path != "/admin/login/code":
        return 0
    fields = {"csrf": csrf_of(await shown.text()), "code": typed}
    response = await client.post("/admin/login/code", data=fields, allow_redirects=False)
    return response.status


@pytest.fixture
async def lee(start_admin: StartAdmin, database: AsyncEngine) -> Client:
    await add_user(database, "lee")
    client = await start_admin(database)
    await log_in(client, user="lee")
    return client


async def test_a_login_asks_for_a_code_once_it_is_switched_on(
    lee: Client, start_admin: StartAdmin, database: AsyncEngine, clock: Clock
) -> None:
    secret, _ = await enrol(lee, clock)
    assert (await lee.get("/admin/", allow_redirects=False)).status == 200
    other = await start_admin(database)
    first = await log_in(other, user="lee", target="/admin/?status=failed")
    assert first.headers["Location"].startswith("/admin/login/code?next=")
    assert (await other.get("/admin/", allow_redirects=False)).status == 303
    asked = await other.get(first.headers["Location"])
    fields = {"csrf": csrf_of(await asked.text()), "code": code(secret, clock)}
    fields["next"] = asked.url.query["next"]
    let_in = await other.post("/admin/login/code", data=fields, allow_redirects=False)
    assert (let_in.status, let_in.headers["Location"]) == (303, "/admin/?status=failed")
    assert (await other.get("/admin/", allow_redirects=False)).status == 200
    newest = [row for row in await logged(database) if row.action == AuditAction.LOGIN][-1]
    assert newest.details == '{"second_factor": "app"}'


async def test_switching_it_on_ends_the_sessions_elsewhere(
    lee: Client, start_admin: StartAdmin, database: AsyncEngine, clock: Clock
) -> None:
    elsewhere = await start_admin(database)
    await log_in(elsewhere, user="lee")
    await enrol(lee, clock)
    assert (await elsewhere.get("/admin/", allow_redirects=False)).status == 303


async def test_the_first_admin_may_have_one(
    operator: Client, start_admin: StartAdmin, database: AsyncEngine, clock: Clock
) -> None:
    secret, _ = await enrol(operator, clock)
    other = await start_admin(database)
    assert "code" in (await log_in(other)).headers["Location"]
    assert await give_code(other, code(secret, clock)) == 303


async def test_without_postgres_at_the_login_the_code_is_asked_for_later(
    operator: Client, start_admin: StartAdmin, database: AsyncEngine, clock: Clock
) -> None:
    await enrol(operator, clock)
    away = await start_admin(database)
    await _execute(database, "ALTER TABLE dashboard_users RENAME TO gone")
    assert (await log_in(away)).headers["Location"] == "/admin/"
    await _execute(database, "ALTER TABLE gone RENAME TO dashboard_users")
    assert (await away.get("/admin/", allow_redirects=False)).status == 303


@pytest.mark.parametrize("steps", [-1, 0, 1])
async def test_clocks_may_differ_by_one_step(
    lee: Client, start_admin: StartAdmin, database: AsyncEngine, clock: Clock, steps: int
) -> None:
    secret, _ = await enrol(lee, clock)
    clock.now += 10 * STEP_S
    other = await start_admin(database)
    await log_in(other, user="lee")
    assert await give_code(other, code(secret, clock, steps)) == 303


@pytest.mark.parametrize("steps", [-20, -2, 2, 20])
async def test_a_code_of_another_time_is_refused(
    lee: Client, start_admin: StartAdmin, database: AsyncEngine, clock: Clock, steps: int
) -> None:
    secret, _ = await enrol(lee, clock)
    clock.now += 30 * STEP_S
    other = await start_admin(database)
    await log_in(other, user="lee")
    assert await give_code(other, code(secret, clock, steps)) == 403


async def test_a_code_is_good_for_one_login_and_none_before_it_afterwards(
    lee: Client, start_admin: StartAdmin, database: AsyncEngine, clock: Clock
) -> None:
    secret, _ = await enrol(lee, clock)
    clock.now += 5 * STEP_S
    clients = [await start_admin(database) for _ in range(5)]
    for client in clients:
        await log_in(client, user="lee")
    typed = code(secret, clock)
    statuses = await asyncio.gather(*(give_code(client, typed) for client in clients[:4]))
    assert sorted(statuses) == [303, 403, 403, 403]
    assert await give_code(clients[4], code(secret, clock, -1)) == 403


async def test_codes_cannot_be_guessed_by_whoever_knows_the_password(
    lee: Client, start_admin: StartAdmin, database: AsyncEngine, clock: Clock
) -> None:
    """From many addresses: all strangers share the tries at one user's code."""
    secret, _ = await enrol(lee, clock)
    stranger = await start_admin(database, admin_behind_proxy=True)
    statuses = []
    for n in range(7):
        address = {"X-Forwarded-For": f"203.0.113.{n}"}
        await log_in(stranger, user="lee", **address)
        shown = await stranger.get("/admin/login/code")
        typed = "000000" if n < 6 else code(secret, clock)
        fields = {"csrf": csrf_of(await shown.text()), "code": typed}
        tried = await stranger.post("/admin/login/code", data=fields, headers=address)
        statuses.append(tried.status)
    assert statuses == [403] * 5 + [429] * 2
    clock.now += 60
    assert await give_code(stranger, code(secret, clock)) == 303


async def test_a_recovery_code_is_good_once_however_it_is_typed(
    lee: Client, start_admin: StartAdmin, database: AsyncEngine, clock: Clock
) -> None:
    _, codes = await enrol(lee, clock)
    clients = [await start_admin(database) for _ in range(4)]
    for client in clients:
        await log_in(client, user="lee")
    typed = f"  {codes[3].upper().replace('-', ' ')} "
    statuses = await asyncio.gather(*(give_code(client, typed) for client in clients))
    assert sorted(statuses) == [303, 403, 403, 403]
    used = [row.actor for row in await logged(database) if row.action == "recovery_code_used"]
    assert used == ["lee"]
    assert "9개" in await (await lee.get("/admin/account")).text()


async def test_new_recovery_codes_make_the_old_ones_worthless(
    lee: Client, start_admin: StartAdmin, database: AsyncEngine, clock: Clock
) -> None:
    _, old = await enrol(lee, clock)
    made = await send(lee, "/admin/account/recovery-codes", current=PASSWORD)
    new = re.findall(r"<li><code>([\w-]+)</code></li>", await made.text())
    other = await start_admin(database)
    await log_in(other, user="lee")
    assert await give_code(other, old[0]) == 403
    assert await give_code(other, new[0]) == 303


@pytest.mark.parametrize(
    "typed", ["", "12345", "1234567", "１２３４５６", "٠١٢٣٤٥", "x" * 64, "-", "가나다"]
)
async def test_what_is_no_code_is_refused(
    lee: Client, start_admin: StartAdmin, database: AsyncEngine, clock: Clock, typed: str
) -> None:
    await enrol(lee, clock)
    other = await start_admin(database)
    await log_in(other, user="lee")
    assert await give_code(other, typed) == 403


async def test_the_page_for_the_code_needs_a_right_password_some_minutes_ago(
    lee: Client, start_admin: StartAdmin, database: AsyncEngine, clock: Clock
) -> None:
    secret, _ = await enrol(lee, clock)
    other = await start_admin(database)
    assert await give_code(other, code(secret, clock)) == 0
    await log_in(other, user="lee")
    clock.now += MAX_CODE_S
    assert await give_code(other, code(secret, clock)) == 0


async def test_switching_it_off_needs_the_password(
    lee: Client, start_admin: StartAdmin, database: AsyncEngine, clock: Clock
) -> None:
    await enrol(lee, clock)
    off = "/admin/account/second-factor/off"
    assert (await send(lee, off, current="틀린 비밀번호")).status == 403
    assert (await send(lee, off, current=PASSWORD)).status == 303
    other = await start_admin(database)
    assert (await log_in(other, user="lee")).headers["Location"] == "/admin/"
    acts = [row.action for row in await logged(database) if "factor" in row.action]
    assert acts == ["factor_switched_on", "factor_switched_off"]


async def test_an_unconfirmed_secret_is_asked_for_by_no_login(
    lee: Client, start_admin: StartAdmin, database: AsyncEngine
) -> None:
    await send(lee, "/admin/account/second-factor", current=PASSWORD)
    wrong = await send(lee, "/admin/account/second-factor/confirm", code="000000")
    assert wrong.status == 400
    other = await start_admin(database)
    assert (await log_in(other, user="lee")).headers["Location"] == "/admin/"


async def test_the_address_for_the_app_names_issuer_user_and_secret(lee: Client) -> None:
    await send(lee, "/admin/account/second-factor", current=PASSWORD)
    html = await (await lee.get("/admin/account/second-factor")).text()
    found = re.search(r'href="(otpauth:[^"]+)"', html)
    assert found
    parts = urlsplit(found[1].replace("&amp;", "&"))
    assert (parts.netloc, parts.path) == ("totp", "/Bllossom:lee")
    asked = parse_qs(parts.query)
    assert asked["issuer"] == ["Bllossom"]
    assert len(asked["secret"][0]) == 32


async def test_secrets_and_recovery_codes_stand_readable_in_no_row(
    lee: Client, database: AsyncEngine, clock: Clock
) -> None:
    secret, codes = await enrol(lee, clock)
    async with database.connect() as connection:
        for table in ("dashboard_users", "audit_log", "ended_sessions"):
            rows = (await connection.execute(text(f"SELECT t::text FROM {table} t"))).scalars()
            shown = "\n".join(rows)
            for hidden in (secret, PASSWORD, *codes, *(one.replace("-", "") for one in codes)):
                assert hidden not in shown


async def test_a_lost_key_leaves_the_recovery_codes_and_the_admins_reset(
    lee: Client, start_admin: StartAdmin, database: AsyncEngine, clock: Clock
) -> None:
    secret, codes = await enrol(lee, clock)
    other = await start_admin(database, admin_secret_keys=OTHER_KEY)
    await log_in(other, user="lee")
    shown = await other.get("/admin/login/code")
    fields = {"csrf": csrf_of(await shown.text()), "code": code(secret, clock)}
    refused = await other.post("/admin/login/code", data=fields)
    assert (refused.status, "초기화" in await refused.text()) == (403, True)
    assert await give_code(other, codes[0]) == 303
    both = await start_admin(database, admin_secret_keys=f"{OTHER_KEY},{SECRET_KEY}")
    await log_in(both, user="lee")
    clock.now += STEP_S
    assert await give_code(both, code(secret, clock)) == 303


async def test_without_a_key_the_page_says_which_setting_is_missing(
    start_admin: StartAdmin, database: AsyncEngine
) -> None:
    client = await start_admin(database, admin_secret_keys="")
    await log_in(client)
    assert "BOT_ADMIN_SECRET_KEYS" in await (await client.get("/admin/account")).text()
    begun = await send(client, "/admin/account/second-factor", current=PASSWORD)
    assert begun.status == 409


async def test_an_admin_resets_the_second_factor_of_another(
    lee: Client, start_admin: StartAdmin, database: AsyncEngine, clock: Clock
) -> None:
    await enrol(lee, clock)
    admin = await start_admin(database)
    await log_in(admin)
    html = await (await admin.get("/admin/users")).text()
    found = re.search(r'href="/admin/users/(\d+)">lee<', html)
    assert found
    path = f"/admin/users/{found[1]}/second-factor"
    assert (await send(admin, path, reason="휴대전화 분실")).status == 303
    assert (await lee.get("/admin/", allow_redirects=False)).status == 303
    assert (await log_in(lee, user="lee")).headers["Location"] == "/admin/"
    newest = next(row for row in await logged(database) if row.action == "user_factor_reset")
    assert (newest.actor, newest.object, newest.reason) == ("admin", "user:lee", "휴대전화 분실")


async def _execute(database: AsyncEngine, statement: str) -> None:
    async with database.begin() as connection:
        await connection.execute(text(statement))
