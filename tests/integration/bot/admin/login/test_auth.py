from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.admin.login.sessions import MAX_AGE_S, MAX_IDLE_S
from bot.domain.audit import AuditAction
from tests.support.admin import HASHED, PASSWORD, Client, Clock, StartAdmin, csrf_of, log_in
from tests.support.audit import logged

SESSION = "bllossom_admin"
LOGIN = "bllossom_admin_login"


def cookie(client: Client, path: str = "/admin/", name: str = SESSION) -> str:
    found = client.session.cookie_jar.filter_cookies(client.make_url(path)).get(name)
    return found.value if found else ""


async def test_the_right_password_opens_the_page_asked_for(operator: Client) -> None:
    operator.session.cookie_jar.clear()
    asked = await operator.get("/admin/?q=환불&status=answered")
    assert asked.url.path == "/admin/login"
    answer = await log_in(operator, target=asked.url.query["next"])
    assert answer.status == 303
    opened = await operator.get(answer.headers["Location"])
    assert opened.status == 200
    assert opened.url.query["q"] == "환불"


async def test_login_begins_a_new_session(operator: Client) -> None:
    """Fixation: nothing that was in the browser before counts afterwards."""
    before, token = cookie(operator), csrf_of(await (await operator.get("/admin/")).text())
    form = {"csrf": cookie(operator, "/admin/login", LOGIN), "user": "admin", "password": PASSWORD}
    again = await operator.post("/admin/login", data=form, allow_redirects=False)
    assert again.status == 303
    assert cookie(operator) not in {"", before}
    assert csrf_of(await (await operator.get("/admin/")).text()) != token
    operator.session.cookie_jar.clear()
    old = await operator.get(
        "/admin/", headers={"Cookie": f"{SESSION}={before}"}, allow_redirects=False
    )
    assert old.status == 303


async def test_logging_out_needs_the_sessions_token(operator: Client) -> None:
    login_token = cookie(operator, "/admin/login", LOGIN)
    for fields in ({"csrf": ""}, {"csrf": "wrong"}, {"csrf": login_token}, {"other": "x"}):
        response = await operator.post("/admin/logout", data=fields, allow_redirects=False)
        assert response.status == 403
        assert (await operator.get("/admin/", allow_redirects=False)).status == 200
    assert (await operator.get("/admin/logout")).status == 405


async def test_after_logging_out_even_a_copied_cookie_is_refused(operator: Client) -> None:
    copied = cookie(operator)
    token = csrf_of(await (await operator.get("/admin/")).text())
    response = await operator.post("/admin/logout", data={"csrf": token}, allow_redirects=False)
    assert response.status == 303
    assert not cookie(operator)
    operator.session.cookie_jar.update_cookies({SESSION: copied}, operator.make_url("/admin/"))
    assert (await operator.get("/admin/", allow_redirects=False)).status == 303


async def test_a_copied_cookie_is_refused_by_every_bot_and_after_a_restart(
    start_admin: StartAdmin, database: AsyncEngine
) -> None:
    left, other = await start_admin(database), await start_admin(database)
    await log_in(left)
    copied = {"Cookie": f"{SESSION}={cookie(left)}"}
    assert (await other.get("/admin/", headers=copied, allow_redirects=False)).status == 200
    await log_out(left)
    restarted = await start_admin(database)
    for bot in (left, other, restarted):
        refused = await bot.get("/admin/", headers=copied, allow_redirects=False)
        assert (refused.status, refused.headers["Location"]) == (303, "/admin/login")
        assert (await bot.get("/admin/login", headers=copied)).status == 200  # and no loop


async def test_a_new_login_ends_the_old_session_everywhere(
    start_admin: StartAdmin, database: AsyncEngine
) -> None:
    first = await start_admin(database)
    await log_in(first)
    copied = {"Cookie": f"{SESSION}={cookie(first)}"}
    form = {"csrf": cookie(first, "/admin/login", LOGIN), "user": "admin", "password": PASSWORD}
    await first.post("/admin/login", data=form, allow_redirects=False)
    restarted = await start_admin(database)
    assert (await restarted.get("/admin/", headers=copied, allow_redirects=False)).status == 303


async def test_ended_sessions_are_kept_until_their_cookies_are_worthless(
    start_admin: StartAdmin, database: AsyncEngine, clock: Clock
) -> None:
    client = await start_admin(database)
    for _ in range(2):
        await log_in(client)
        await log_out(client)
    assert await ended(database) == 2
    clock.now += MAX_AGE_S
    await log_in(client)
    await log_out(client)
    assert await ended(database) == 1


async def test_without_postgres_a_logout_counts_here_and_elsewhere_later(
    start_admin: StartAdmin, database: AsyncEngine
) -> None:
    client = await start_admin(database)
    await log_in(client)
    copied = {"Cookie": f"{SESSION}={cookie(client)}"}
    token = csrf_of(await (await client.get("/admin/")).text())
    await statement(database, "ALTER TABLE ended_sessions RENAME TO away")
    response = await client.post("/admin/logout", data={"csrf": token}, allow_redirects=False)
    assert response.status == 303
    assert (await client.get("/admin/", headers=copied, allow_redirects=False)).status == 303
    await statement(database, "ALTER TABLE away RENAME TO ended_sessions")
    await log_in(client)
    await client.get("/admin/")
    restarted = await start_admin(database)
    assert (await restarted.get("/admin/", headers=copied, allow_redirects=False)).status == 303


async def test_logging_out_is_written_down(operator: Client, database: AsyncEngine) -> None:
    await log_out(operator)
    newest = (await logged(database))[-1]
    assert (newest.actor, newest.action) == ("admin", AuditAction.LOGOUT)


async def log_out(client: Client) -> None:
    token = csrf_of(await (await client.get("/admin/")).text())
    response = await client.post("/admin/logout", data={"csrf": token}, allow_redirects=False)
    assert response.status == 303


async def ended(database: AsyncEngine) -> int:
    async with database.connect() as connection:
        found = await connection.execute(text("SELECT count(*) FROM ended_sessions"))
        return int(found.scalar_one())


async def statement(database: AsyncEngine, words: str) -> None:
    async with database.begin() as connection:
        await connection.execute(text(words))


async def test_a_session_ends_when_nobody_uses_it(operator: Client, clock: Clock) -> None:
    clock.now += MAX_IDLE_S - 1
    assert (await operator.get("/admin/", allow_redirects=False)).status == 200
    clock.now += MAX_IDLE_S - 1
    assert (await operator.get("/admin/", allow_redirects=False)).status == 200
    clock.now += MAX_IDLE_S
    assert (await operator.get("/admin/", allow_redirects=False)).status == 303


async def test_a_session_ends_after_eight_hours_of_use(operator: Client, clock: Clock) -> None:
    for _ in range(MAX_AGE_S // 1800 - 1):
        clock.now += 1800
        assert (await operator.get("/admin/", allow_redirects=False)).status == 200
    clock.now += 1800
    assert (await operator.get("/admin/", allow_redirects=False)).status == 303


async def test_another_password_ends_all_sessions(
    start_admin: StartAdmin, unreachable: AsyncEngine
) -> None:
    first = await start_admin(unreachable, admin_password=PASSWORD)
    await log_in(first)
    headers = {"Cookie": f"{SESSION}={cookie(first)}"}
    for setting, status in ((PASSWORD, 503), ("새 비밀번호", 303), (HASHED, 303)):
        restarted = await start_admin(unreachable, admin_password=setting)
        response = await restarted.get("/admin/", headers=headers, allow_redirects=False)
        assert response.status == status  # 503: let in, and no database behind


async def test_every_answer_carries_the_strict_headers(operator: Client) -> None:
    for path in ("/admin/", "/admin/login", "/admin/conversations/9", "/admin/static/style.css"):
        response = await operator.get(path, allow_redirects=False)
        policy = response.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'")
        assert "unsafe" not in policy
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Referrer-Policy"] == "no-referrer"
        if "static" not in path:
            assert response.headers["Cache-Control"] == "no-store"


async def test_the_address_without_slash_leads_to_the_first_page(operator: Client) -> None:
    response = await operator.get("/admin", allow_redirects=False)
    assert (response.status, response.headers["Location"]) == (308, "/admin/")
