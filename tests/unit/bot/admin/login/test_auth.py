import re
import unicodedata
from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientResponse
from argon2 import PasswordHasher
from multidict import CIMultiDict
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.admin.app import create_admin
from bot.admin.login.access import rule_for
from bot.admin.login.devices import COOKIE as DEVICE
from bot.admin.login.devices import MAX_AGE_S as DEVICE_AGE_S
from bot.admin.login.devices import Devices
from bot.admin.login.login_page import own_path
from bot.settings import Settings
from tests.support.admin import (
    PASSWORD,
    Client,
    Clock,
    StartAdmin,
    csrf_of,
    log_in,
    no_workers,
)

SESSION = "bllossom_admin"
FORM = "application/x-www-form-urlencoded"


def cookie(client: Client, path: str = "/admin/", name: str = SESSION) -> str:
    found = client.session.cookie_jar.filter_cookies(client.make_url(path)).get(name)
    return found.value if found else ""


async def test_without_a_password_every_page_says_how_to_open_it(closed_client: Client) -> None:
    for path in ("/admin/", "/admin/conversations/1", "/admin/login", "/admin/nothing"):
        response = await closed_client.get(path)
        assert response.status == 503
        assert "BOT_ADMIN_PASSWORD" in await response.text()
    response = await closed_client.post("/admin/login", data={"user": "admin", "password": ""})
    assert response.status == 503


async def test_every_route_needs_a_login_unless_marked_public(
    stranger: Client, unreachable: AsyncEngine
) -> None:
    app = create_admin(Settings(admin_password=PASSWORD), unreachable, {}, workers=no_workers())
    protected, public = 0, set()
    for route in app.router.routes():
        rule = rule_for(route.handler)
        if rule and rule.role is None:
            public.add(route.handler.__name__)
            continue
        protected += 1
        path = "/admin" + (route.resource.canonical if route.resource else "").replace("{id}", "1")
        response = await stranger.request(route.method, path, allow_redirects=False)
        assert response.status == 303, path
        assert response.headers["Location"].startswith("/admin/login")
    assert protected >= 5
    assert public == {
        "show_login",
        "log_in",
        "show_code",
        "check_code",
        "begin",
        "come_back",
        "static_file",
        "_to_first_page",
    }


async def test_unknown_pages_are_not_told_apart_without_login(stranger: Client) -> None:
    response = await stranger.get("/admin/secret-page", allow_redirects=False)
    assert response.status == 303


@pytest.mark.parametrize(
    ("user", "password"),
    [("admin", "틀린"), ("admin", ""), ("admin", "가" * 1100)],
)
async def test_a_wrong_password_is_refused(stranger: Client, user: str, password: str) -> None:
    response = await log_in(stranger, password, user=user)
    assert response.status == 403
    assert "맞지 않습니다" in await response.text()
    assert not cookie(stranger)


async def test_the_setting_may_be_plain_or_an_argon2_hash(
    start_admin: StartAdmin, unreachable: AsyncEngine
) -> None:
    hashed = PasswordHasher().hash(PASSWORD)
    for setting in (PASSWORD, hashed):
        client = await start_admin(unreachable, admin_password=setting)
        assert (await log_in(client, hashed)).status == 403
        assert (await log_in(client)).status == 303
        assert (await client.get("/admin/login", allow_redirects=False)).status == 303


def test_malformed_password_hash_stops_the_start(unreachable: AsyncEngine) -> None:
    with pytest.raises(ValueError, match="BOT_ADMIN_PASSWORD begins with"):
        create_admin(
            Settings(admin_password="$argon2id$v=19"), unreachable, {}, workers=no_workers()
        )


async def test_a_password_typed_decomposed_is_the_same(stranger: Client) -> None:
    decomposed = unicodedata.normalize("NFD", PASSWORD)
    assert decomposed != PASSWORD
    assert (await log_in(stranger, decomposed)).status == 303


async def test_guessing_is_slowed_down(stranger: Client, clock: Clock) -> None:
    for _ in range(5):
        assert (await log_in(stranger, "틀린")).status == 403
    response = await log_in(stranger)
    assert response.status == 429
    assert response.headers["Retry-After"] == "60"
    assert "60초 뒤에 다시 시도해 주세요" in await response.text()
    clock.now += 60
    assert (await log_in(stranger)).status == 303


async def test_behind_a_proxy_the_forwarded_address_counts(
    start_admin: StartAdmin, unreachable: AsyncEngine
) -> None:
    client = await start_admin(unreachable, admin_behind_proxy=True)
    for _ in range(5):
        await log_in(client, "틀린", **{"X-Forwarded-For": "6.6.6.6, 203.0.113.9"})
    other = await log_in(client, "틀린", **{"X-Forwarded-For": "203.0.113.9, 203.0.113.10"})
    same = await log_in(client, "틀린", **{"X-Forwarded-For": "7.7.7.7, 203.0.113.9"})
    assert (other.status, same.status) == (403, 429)


#: Lines of X-Forwarded-For, each with the line of another spelling or of another client.
SAME_CLIENT = [
    (["203.0.113.9"], ["203.0.113.9:4711"]),
    (["203.0.113.9:1"], ["203.0.113.9:2"]),
    (["203.0.113.9"], ["::ffff:203.0.113.9"]),
    (["203.0.113.9"], ["[::ffff:203.0.113.9]:80"]),
    (["2001:db8::1"], ["[2001:db8::2]:443"]),
    (["6.6.6.6", "203.0.113.9"], ["7.7.7.7", "203.0.113.9"]),
    (["6.6.6.6", "203.0.113.9"], ["7.7.7.7, 8.8.8.8", "9.9.9.9,203.0.113.9"]),
    (["6.6.6.6,203.0.113.9 ,"], ["7.7.7.7", "203.0.113.9", ""]),
    (["6.6.6.6, unknown"], ["7.7.7.7, _hidden"]),
]
OTHER_CLIENT = [
    (["203.0.113.9:80"], ["203.0.113.10:80"]),
    (["::ffff:203.0.113.9"], ["::ffff:203.0.113.10"]),
    (["[2001:db8::1]:443"], ["[2001:db8:0:1::1]:443"]),
    (["203.0.113.9", "203.0.113.10"], ["203.0.113.9"]),
    (["203.0.113.9, unknown"], ["203.0.113.9"]),
]


@pytest.mark.parametrize(
    ("first", "second", "status"),
    [(*lines, 429) for lines in SAME_CLIENT] + [(*lines, 403) for lines in OTHER_CLIENT],
)
async def test_the_nearest_proxy_names_the_client(
    start_admin: StartAdmin,
    unreachable: AsyncEngine,
    first: list[str],
    second: list[str],
    status: int,
) -> None:
    client = await start_admin(unreachable, admin_behind_proxy=True)
    for _ in range(5):
        assert (await guess(client, *first)).status == 403
    assert (await guess(client, *second)).status == status


async def guess(client: Client, *lines: str) -> ClientResponse:
    """A wrong password, behind a proxy that sent these lines of X-Forwarded-For."""
    shown = await client.get("/admin/login")
    fields = {"csrf": csrf_of(await shown.text()), "user": "admin", "password": "틀린"}
    headers = CIMultiDict([("X-Forwarded-For", line) for line in lines])
    return await client.post("/admin/login", data=fields, headers=headers)


async def test_strangers_cannot_lock_out_a_browser_that_has_logged_in(
    start_admin: StartAdmin, unreachable: AsyncEngine, clock: Clock
) -> None:
    client = await start_admin(unreachable)
    await log_in(client)
    device = cookie(client, "/admin/login", DEVICE)
    assert device
    for status in [403] * 5 + [429] * 3:  # a stranger behind the same address, without the cookie
        client.session.cookie_jar.clear()
        assert (await log_in(client, "틀린")).status == status
    clock.now += 1
    assert (await log_in(client)).status == 429
    known = {DEVICE: device}
    client.session.cookie_jar.update_cookies(known, client.make_url("/admin/login"))
    assert (await log_in(client)).status == 303
    assert cookie(client, "/admin/login", DEVICE) not in {"", device}


async def test_a_device_cookie_opens_nothing_and_no_other_is_believed(
    start_admin: StartAdmin, unreachable: AsyncEngine
) -> None:
    client = await start_admin(unreachable)
    await log_in(client)
    device = cookie(client, "/admin/login", DEVICE)
    client.session.cookie_jar.clear()
    sent = {"Cookie": f"{DEVICE}={device}"}
    assert (await client.get("/admin/", headers=sent, allow_redirects=False)).status == 303
    for _ in range(5):
        await log_in(client, "틀린")
    name, since, signature = device.split(".")
    forged = ["x", f"{'A' * 22}.{since}.{signature}", f"{name}.{int(since) + 1}.{signature}"]
    for wrong in forged:
        jar = client.session.cookie_jar
        jar.update_cookies({DEVICE: wrong}, client.make_url("/admin/login"))
        assert (await log_in(client)).status == 429


async def test_a_device_is_forgotten_with_the_password_and_after_half_a_year() -> None:
    clock = Clock()
    known = Devices(b"k" * 32, clock)
    token = known.new_cookie("김하나")
    assert known.known(token, "김하나")
    assert not Devices(b"another password".ljust(32), clock).known(token, "김하나")
    clock.now += DEVICE_AGE_S
    assert not known.known(token, "김하나")


async def test_a_users_browser_gets_no_tries_of_its_own_at_another_users_password() -> None:
    known = Devices(b"k" * 32, Clock())
    token = known.new_cookie("viewer")
    assert known.known(token, "viewer")
    assert not known.known(token, "admin")


async def test_without_a_proxy_forwarded_headers_mean_nothing(stranger: Client) -> None:
    for n in range(5):
        await log_in(stranger, "틀린", **{"X-Forwarded-For": f"203.0.113.{n}"})
    response = await log_in(stranger, **{"X-Forwarded-Proto": "https"})
    assert response.status == 429


async def test_the_session_cookie_is_kept_close(
    start_admin: StartAdmin, unreachable: AsyncEngine
) -> None:
    plain = (await log_in(await start_admin(unreachable))).headers.getall("Set-Cookie")
    assert all("HttpOnly" in header and "SameSite" in header for header in plain)
    assert not any("Secure" in header for header in plain)
    client = await start_admin(unreachable, admin_behind_proxy=True)
    shown = await client.get("/admin/login", headers={"X-Forwarded-Proto": "https"})
    token = csrf_of(await shown.text())
    response = await client.post(
        "/admin/login",
        data={"csrf": token, "user": "admin", "password": PASSWORD},
        headers={"X-Forwarded-Proto": "https", "Cookie": f"bllossom_admin_login={token}"},
        allow_redirects=False,
    )
    given = {h.partition("=")[0]: h for h in response.headers.getall("Set-Cookie")}
    session, device = given[SESSION], given[DEVICE]
    assert "Secure" in session
    for part in ("Secure", "HttpOnly", "SameSite=Strict", "Path=/admin/login"):
        assert part in device
    assert "SameSite=Lax" in session
    assert "Path=/admin/" in session


async def test_a_planted_login_token_does_not_become_a_session(stranger: Client) -> None:
    planted = "p" * 43
    stranger.session.cookie_jar.update_cookies({SESSION: planted}, stranger.make_url("/admin/"))
    await log_in(stranger)
    assert cookie(stranger) not in {"", planted}


@pytest.mark.parametrize("token", [None, "", "wrong", "한글", "p" * 43])
async def test_a_login_without_its_token_is_refused(stranger: Client, token: str | None) -> None:
    await stranger.get("/admin/login")
    fields = {"user": "admin", "password": PASSWORD} | (
        {"csrf": token} if token is not None else {}
    )
    response = await stranger.post("/admin/login", data=fields, allow_redirects=False)
    assert response.status == 403
    assert not cookie(stranger)


@pytest.mark.parametrize("damaged", ["x", "gAAAAA", "é", "%00", "a" * 4000])
async def test_a_damaged_cookie_is_no_session(stranger: Client, damaged: str) -> None:
    headers = {"Cookie": f"{SESSION}={damaged}"}
    response = await stranger.get("/admin/", headers=headers, allow_redirects=False)
    assert response.status == 303


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/admin/",
        "//evil.example/admin/",
        "/\\evil.example",
        "/admin/\\..\\..\\x",
        "/admin/../simulator",
        "/admin/%2e%2e/simulator",
        "/admin/..%2fsimulator",
        "javascript:alert(1)",
        "/administrator/",
        "/admin",
        "/admin/\r\nSet-Cookie: a=b",
        "/admin/[",
        "",
    ],
)
async def test_login_leads_only_to_pages_of_the_dashboard(stranger: Client, target: str) -> None:
    response = await log_in(stranger, target=target)
    assert response.status == 303
    location = response.headers["Location"]
    assert re.match(r"/admin/(?!.*(\.\.|%2e|\\))", location, re.IGNORECASE), location


def test_redirect_to_a_dashboard_page_is_kept_whole() -> None:
    whole = "/admin/conversations/5?before=30&q=%ED%99%98%EB%B6%88"
    assert own_path(whole).path_qs.startswith("/admin/conversations/5?before=30&q=")


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"csrf=a", {"Content-Type": "text/plain"}, 415),
        (b"csrf=\xff\xfe", {"Content-Type": FORM}, 400),
        (b"csrf=a", {"Content-Type": f"{FORM}; charset=klingon"}, 415),
        (b"b" * 16_000, {"Content-Type": f"{FORM}; charset=punycode"}, 415),
        (b"csrf=a", {"Content-Type": f"{FORM}; charset=UTF-8"}, 403),
        (b"csrf=" + b"a" * 20_000, {"Content-Type": FORM}, 413),
        (b"", {}, 415),
    ],
)
async def test_odd_forms_get_a_page_and_not_a_500(
    stranger: Client, body: bytes, headers: dict[str, str], status: int
) -> None:
    await stranger.get("/admin/login")
    response = await stranger.post("/admin/login", data=body, headers=headers)
    assert response.status == status
    assert "text/html" in response.headers["Content-Type"]


async def test_a_form_without_its_page_before_it_is_not_parsed(stranger: Client) -> None:
    response = await stranger.post(
        "/admin/login", data=b"csrf=\xff", headers={"Content-Type": FORM}
    )
    assert response.status == 403


async def test_a_form_of_unknown_length_is_refused(stranger: Client) -> None:
    async def endless() -> AsyncIterator[bytes]:
        yield b"csrf=a"

    await stranger.get("/admin/login")
    response = await stranger.post("/admin/login", data=endless(), headers={"Content-Type": FORM})
    assert response.status == 411


async def test_missing_database_is_shown_on_a_page(offline: Client) -> None:
    for path in ("/admin/", "/admin/conversations/1"):
        response = await offline.get(path)
        assert response.status == 503
        assert "데이터베이스에 연결할 수 없습니다" in await response.text()


async def test_static_files_are_only_those_that_exist(stranger: Client) -> None:
    assert (await stranger.get("/admin/static/style.css")).status == 200
    for name in ("nothing.css", "..%2fauth.py", "%2e%2e%2fauth.py"):
        assert (await stranger.get(f"/admin/static/{name}")).status == 404
