"""Logins by an OpenID Connect provider, the right one and every wrong one."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from urllib.parse import urlencode

import pytest
from aiohttp import ClientResponse, ClientSession
from joserfc.jwk import OctKey
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from yarl import URL

from bot.admin.oidc.login_state import MAX_AGE_S
from bot.domain.dashboard_users import Role
from fakes.oidc import CLIENT_ID, CLIENT_SECRET, OidcProvider, new_key, oidc_provider
from tests.support.admin import Client, Clock, StartAdmin, add_user, send
from tests.support.audit import logged

ROLES = ("admin=chiefs", "reviewer=qa", "viewer=staff")
CALLBACK = "/admin/login/oidc/callback"
KIM = {"sub": "248289761001", "preferred_username": "kim", "groups": ["staff", "qa"]}


@pytest.fixture
async def provider(clock: Clock) -> AsyncIterator[OidcProvider]:
    async with oidc_provider(clock) as running:
        running.claims = dict(KIM)
        yield running


async def start(start_admin: StartAdmin, database: AsyncEngine, provider: OidcProvider) -> Client:
    """A dashboard with the provider; its public address is wherever it is asked."""
    provider.redirect_uri = f"http://dashboard.test{CALLBACK}"
    return await start_admin(
        database,
        admin_public_url="http://dashboard.test",
        admin_oidc_issuer=provider.issuer,
        admin_oidc_client_id=CLIENT_ID,
        admin_oidc_client_secret=CLIENT_SECRET,
        admin_oidc_roles=ROLES,
    )


@pytest.fixture
async def client(start_admin: StartAdmin, database: AsyncEngine, provider: OidcProvider) -> Client:
    return await start(start_admin, database, provider)


async def go(client: Client, target: str = "/admin/") -> URL:
    """Begin, log in at the provider, and the address that it leads back to."""
    begun = await client.get("/admin/login/oidc", params={"next": target}, allow_redirects=False)
    assert begun.status == 303, await begun.text()
    async with ClientSession() as browser:
        away = await browser.get(
            URL(begun.headers["Location"], encoded=True), allow_redirects=False
        )
        assert away.status == 302, await away.text()
        return URL(away.headers["Location"], encoded=True)


async def come_back(client: Client, back: URL) -> ClientResponse:
    return await client.get(back.relative(), allow_redirects=False)


async def enter(client: Client) -> ClientResponse:
    return await come_back(client, await go(client))


async def refusal(database: AsyncEngine) -> dict[str, str]:
    newest = (await logged(database))[-1]
    assert (newest.action, newest.actor) == ("login_refused", "")
    details: dict[str, str] = json.loads(newest.details)
    return details


async def test_a_person_the_provider_vouches_for_is_a_user_with_the_claims_role(
    client: Client, database: AsyncEngine
) -> None:
    html = await (await client.get("/admin/login")).text()
    assert "회사 계정으로 로그인" in html
    entered = await come_back(client, await go(client, "/admin/?status=failed"))
    assert (entered.status, entered.headers["Location"]) == (303, "/admin/?status=failed")
    assert (await client.get("/admin/", allow_redirects=False)).status == 200
    account = await (await client.get("/admin/account")).text()
    assert "kim · 검토자" in account
    assert "회사 계정에서 관리합니다" in account
    assert 'name="current"' not in account
    acts = [(row.actor, row.action, row.object) for row in await logged(database)]
    assert acts[:2] == [("kim", "user_added", "user:kim"), ("kim", "login", "")]


async def test_the_same_person_stays_the_same_user_under_another_name(
    client: Client, provider: OidcProvider, database: AsyncEngine
) -> None:
    await enter(client)
    provider.claims |= {"preferred_username": "kim.hana", "email": "new@example.com"}
    assert (await enter(client)).status == 303
    assert await _names(database) == ["kim"]


async def test_another_person_of_the_same_name_gets_neither_the_account_nor_its_name(
    client: Client, provider: OidcProvider, database: AsyncEngine
) -> None:
    await add_user(database, "kim", Role.ADMIN)
    assert (await enter(client)).status == 303
    provider.claims |= {"sub": "other", "preferred_username": "admin"}
    client.session.cookie_jar.clear()
    assert (await enter(client)).status == 303
    names = await _names(database)
    assert len(names) == 3
    assert sorted(re.sub("-[0-9a-f]{6}$", "-x", name) for name in names) == [
        "admin-x",
        "kim",
        "kim-x",
    ]
    assert (await client.get("/admin/users")).status == 403


async def test_a_role_that_the_provider_took_away_is_gone_with_the_next_login_everywhere(
    client: Client, provider: OidcProvider, start_admin: StartAdmin, database: AsyncEngine
) -> None:
    provider.claims["groups"] = ["chiefs"]
    await enter(client)
    assert (await client.get("/admin/users")).status == 200
    provider.claims["groups"] = ["staff"]
    other = await start(start_admin, database, provider)
    await enter(other)
    assert (await client.get("/admin/users", allow_redirects=False)).status == 303
    assert (await other.get("/admin/users")).status == 403
    changed = next(row for row in await logged(database) if row.action == "user_role_changed")
    assert json.loads(changed.details)["after"] == "viewer"


async def test_a_disabled_user_stays_out(
    client: Client, provider: OidcProvider, start_admin: StartAdmin, database: AsyncEngine
) -> None:
    await enter(client)
    await _execute(database, "UPDATE dashboard_users SET disabled_at = now()")
    refused = await enter(client)
    assert (refused.status, (await refusal(database))["oidc"]) == (403, "disabled")
    assert "중지된 계정" in await refused.text()


#: What the ID token says, and what is wrong with it.
WRONG_TOKENS: list[tuple[dict[str, object], str]] = [
    ({"iss": "https://evil.example"}, "issuer"),
    ({"iss": None}, "issuer"),
    ({"aud": "another-client"}, "audience"),
    ({"aud": [CLIENT_ID, "another-client"]}, "audience"),
    ({"aud": [CLIENT_ID, "x"], "azp": "x"}, "audience"),
    ({"nonce": "another"}, "nonce"),
    ({"nonce": None}, "nonce"),
    ({"exp": 1_600_000_000}, "clock"),
    ({"iat": 1_800_000_000}, "clock"),
    ({"nbf": 1_800_000_000}, "clock"),
    ({"exp": None}, "clock"),
    ({"exp": "soon"}, "clock"),
    ({"sub": None}, "claims"),
    ({"sub": ""}, "claims"),
    ({"sub": "x\x00"}, "claims"),
    ({"sub": "x" * 300}, "claims"),
    ({"at_hash": "wrong"}, "claims"),
    ({"groups": None}, "no_role"),
    ({"groups": ["others"]}, "no_role"),
]


@pytest.mark.parametrize(("overrides", "fault"), WRONG_TOKENS)
async def test_a_wrong_token_is_a_clear_page_and_a_row_of_the_log(
    client: Client,
    provider: OidcProvider,
    database: AsyncEngine,
    overrides: dict[str, object],
    fault: str,
) -> None:
    provider.overrides = overrides
    refused = await enter(client)
    assert (refused.status, (await refusal(database))["oidc"]) == (403, fault)
    assert 'role="alert"' in await refused.text()
    assert await _names(database) == []
    assert (await client.get("/admin/", allow_redirects=False)).status == 303


async def test_clocks_may_differ_by_a_minute(client: Client, provider: OidcProvider) -> None:
    now = int(provider.clock())
    provider.overrides = {"iat": now + 50, "exp": now - 50}
    assert (await enter(client)).status == 303


@pytest.mark.parametrize("how", ["another key", "no signature", "our own secret"])
async def test_a_token_that_the_provider_did_not_sign_is_refused(
    client: Client, provider: OidcProvider, database: AsyncEngine, how: str
) -> None:
    if how == "another key":
        provider.signs_with = new_key("k1")
    elif how == "no signature":
        provider.algorithm = "none"
    else:
        provider.algorithm, provider.signs_with = "HS256", OctKey.import_key(CLIENT_SECRET)
    refused = await enter(client)
    assert (refused.status, (await refusal(database))["oidc"]) == (403, "signature")


async def test_a_new_key_of_the_provider_is_learnt_at_once(
    client: Client, provider: OidcProvider
) -> None:
    await enter(client)
    provider.key = new_key("k2")
    assert (await enter(client)).status == 303


@pytest.mark.parametrize("wrong", ["state", "no state", "no cookie", "another browser", "old"])
async def test_a_login_that_did_not_begin_here_is_refused_before_the_provider_is_asked(
    client: Client,
    provider: OidcProvider,
    start_admin: StartAdmin,
    database: AsyncEngine,
    clock: Clock,
    wrong: str,
) -> None:
    back, used = await go(client), client
    if wrong == "state":
        back = back.update_query(state="another")
    elif wrong == "no state":
        back = back.without_query_params("state")
    elif wrong == "no cookie":
        client.session.cookie_jar.clear()
    elif wrong == "another browser":
        used = await start(start_admin, database, provider)
        await go(used)
    else:
        clock.now += MAX_AGE_S + 1
    refused = await come_back(used, back)
    assert (refused.status, (await refusal(database))["oidc"]) == (403, "state")
    assert "/token" not in provider.requests


async def test_a_way_back_is_good_once(client: Client, provider: OidcProvider) -> None:
    back = await go(client)
    cookie = {one.key: one.value for one in client.session.cookie_jar}["bllossom_admin_oidc"]
    assert (await come_back(client, back)).status == 303
    assert (await come_back(client, back)).status == 403
    again = {"Cookie": f"bllossom_admin_oidc={cookie}"}
    response = await client.get(back.relative(), headers=again, allow_redirects=False)
    assert response.status == 403  # its code is used up at the provider


async def test_another_issuer_in_the_redirect_is_refused(
    client: Client, provider: OidcProvider, database: AsyncEngine
) -> None:
    """RFC 9207: mix-up attacks."""
    back = (await go(client)).update_query(iss="https://evil.example")
    assert (await come_back(client, back)).status == 403
    assert (await refusal(database))["oidc"] == "issuer"
    provider.metadata["authorization_response_iss_parameter_supported"] = True
    assert provider.requests.count("/token") == 0


async def test_a_cancelled_login_says_so(
    client: Client, provider: OidcProvider, database: AsyncEngine
) -> None:
    provider.denies = True
    refused = await enter(client)
    assert (refused.status, (await refusal(database))["oidc"]) == (403, "denied")
    assert "취소되었거나" in await refused.text()


@pytest.mark.parametrize(
    ("metadata", "status"),
    [
        ({"issuer": "https://evil.example"}, 503),
        ({"token_endpoint": None}, 503),
        ({"token_endpoint": "https://["}, 503),
        ({"authorization_endpoint": "javascript:alert(1)"}, 503),
        ({"jwks_uri": "file:///etc/passwd"}, 503),
    ],
)
async def test_a_provider_that_says_something_else_of_itself_is_not_believed(
    client: Client,
    provider: OidcProvider,
    database: AsyncEngine,
    metadata: dict[str, object],
    status: int,
) -> None:
    provider.metadata = metadata
    begun = await client.get("/admin/login/oidc", allow_redirects=False)
    assert (begun.status, (await refusal(database))["oidc"]) == (status, "metadata")


@pytest.mark.parametrize(
    ("status", "fault"), [(500, "unreachable"), (400, "token"), (302, "token")]
)
async def test_a_provider_that_gives_no_token_is_a_page(
    client: Client, provider: OidcProvider, database: AsyncEngine, status: int, fault: str
) -> None:
    provider.token_status = status
    refused = await enter(client)
    assert refused.status in (403, 503)
    assert (await refusal(database))["oidc"] == fault


async def test_a_provider_that_is_away_leaves_the_local_login(
    start_admin: StartAdmin, database: AsyncEngine
) -> None:
    gone = OidcProvider(issuer="http://127.0.0.1:1")
    client = await start(start_admin, database, gone)
    begun = await client.get("/admin/login/oidc", allow_redirects=False)
    assert begun.status == 503
    assert 'name="password"' in await begun.text()


async def test_the_secret_is_sent_as_the_provider_wants_it(
    client: Client, provider: OidcProvider
) -> None:
    provider.metadata = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    assert (await enter(client)).status == 303


async def test_strangers_make_the_provider_be_asked_seldom(
    client: Client, provider: OidcProvider
) -> None:
    for _ in range(20):
        await client.get("/admin/login/oidc", allow_redirects=False)
    assert len(provider.requests) == 1
    statuses = [
        (await client.get(f"{CALLBACK}?code=x&state=y", allow_redirects=False)).status
        for _ in range(6)
    ]
    assert statuses == [403] * 5 + [429]


async def test_a_hostile_answer_of_the_provider_is_no_error(
    client: Client, provider: OidcProvider
) -> None:
    attack = "<script>alert(1)</script>"
    provider.claims |= {"preferred_username": attack, "email": attack, "name": attack}
    assert (await enter(client)).status == 303
    assert "<script>" not in await (await client.get("/admin/account")).text()
    client.session.cookie_jar.clear()
    asked = urlencode({"error": attack, "error_description": attack, "state": attack})
    refused = await client.get(f"{CALLBACK}?{asked}", allow_redirects=False)
    assert refused.status == 403
    assert "<script>" not in await refused.text()


async def test_without_a_provider_there_is_no_such_page(operator: Client) -> None:
    for path in ("/admin/login/oidc", f"{CALLBACK}?code=x&state=y"):
        assert (await operator.get(path)).status == 404
    await operator.get("/admin/account")
    assert "회사 계정" not in await (await operator.get("/admin/login")).text()


async def test_an_admin_changes_a_company_user_like_any_other(
    client: Client, provider: OidcProvider, database: AsyncEngine
) -> None:
    await add_user(database, "lee")
    provider.claims["groups"] = ["chiefs"]
    await enter(client)
    html = await (await client.get("/admin/users")).text()
    found = re.search(r'href="(/admin/users/\d+)">lee<', html)
    assert found
    assert (await send(client, f"{found[1]}/state", state="disabled")).status == 303


async def _names(database: AsyncEngine) -> list[str]:
    async with database.connect() as connection:
        rows = await connection.scalars(text("SELECT name FROM dashboard_users ORDER BY name"))
        return list(rows)


async def _execute(database: AsyncEngine, statement: str) -> None:
    async with database.begin() as connection:
        await connection.execute(text(statement))
