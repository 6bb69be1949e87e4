"""Installing by OAuth: a state is good for one use, in one browser, for ten minutes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from aiohttp import ClientResponse, ClientSession, DummyCookieJar, web
from sqlalchemy import text
from yarl import URL

from bot.messengers.slack.installing.bot_tokens import InstalledTokens
from bot.messengers.slack.installing.oauth import (
    COOKIE,
    INSTALL_PATH,
    REDIRECT_PATH,
    InstallEndpoint,
)
from bot.messengers.slack.installing.scopes import SCOPE_NAMES
from bot.store.oauth_states import OAuthStates
from fakes.faults import Fault, serving
from tests.integration.bot.messengers.slack.installing.conftest import TEAM, Desk


@dataclass
class Answer:
    """A page as the browser gets it."""

    status: int
    page: str
    location: str
    cookie: str
    headers: dict[str, str]


class Browser:
    """One browser; what it sends and where it goes is said at each step."""

    def __init__(
        self, desk: Desk, http: ClientSession, origin: str, tokens: InstalledTokens
    ) -> None:
        self.desk = desk
        self.tokens = tokens
        self._http = http
        self._origin = origin

    async def begin(self) -> tuple[str, str]:
        """Open the link, and consent: the cookie, and the URL that Slack sends the browser to."""
        begun = await self.open(INSTALL_PATH)
        assert begun.status == 302
        async with self._http.get(begun.location, allow_redirects=False) as consent:
            return begun.cookie, URL(consent.headers["Location"]).raw_path_qs

    async def open(self, path: str, cookie: str = "", method: str = "GET") -> Answer:
        headers = {"Cookie": cookie} if cookie else {}
        url = URL(self._origin + path, encoded=True)
        async with self._http.request(
            method, url, headers=headers, allow_redirects=False
        ) as response:
            return await _answer(response)


async def _answer(response: ClientResponse) -> Answer:
    sent = response.headers.get("Set-Cookie", "")
    return Answer(
        status=response.status,
        page=await response.text(),
        location=response.headers.get("Location", ""),
        cookie=sent.partition(";")[0],
        headers={**dict(response.headers), "Set-Cookie": sent},
    )


@pytest.fixture
async def browser(desk: Desk) -> AsyncIterator[Browser]:
    tokens = desk.tokens()
    endpoint = InstallEndpoint(desk.settings, desk.store, OAuthStates(desk.database), tokens)
    app = web.Application()
    app.add_routes(endpoint.routes())
    async with (
        serving(app) as origin,
        ClientSession(cookie_jar=DummyCookieJar()) as http,
    ):
        yield Browser(desk, http, origin, tokens)


async def test_an_installation_is_kept_and_its_token_used(browser: Browser) -> None:
    assert await browser.tokens.token(TEAM) == ""
    cookie, back = await browser.begin()
    done = await browser.open(back, cookie)
    assert (done.status, "설치를 마쳤어요" in done.page) == (200, True)
    assert "The app is installed" in done.page
    [token] = browser.desk.slack.tokens
    assert await browser.tokens.token(TEAM) == token
    assert browser.desk.slack.tokens[token].grant.scopes == SCOPE_NAMES


async def test_the_browser_is_sent_to_slack_with_all_scopes_and_the_way_back(
    browser: Browser,
) -> None:
    begun = await browser.open(INSTALL_PATH)
    target = URL(begun.location)
    assert str(target.origin()) == browser.desk.slack.origin
    assert target.query["scope"].split(",") == list(SCOPE_NAMES)
    assert target.query["redirect_uri"] == f"https://bot.example.com{REDIRECT_PATH}"
    assert begun.cookie == f"{COOKIE}={target.query['state']}"
    for part in ("Secure", "HttpOnly", "SameSite=Lax", "Max-Age=600"):
        assert part in begun.headers["Set-Cookie"]


async def test_a_link_may_name_a_workspace_and_nothing_else(browser: Browser) -> None:
    named = URL((await browser.open(f"{INSTALL_PATH}?team=T1")).location)
    assert named.query["team"] == "T1"
    for odd in ("%0d%0aSet-Cookie:a=b", "%00", "%ff", "T1%26scope=admin", "T" * 99):
        begun = await browser.open(f"{INSTALL_PATH}?team={odd}")
        assert (begun.status, "team" in URL(begun.location).query) == (302, False)


async def test_a_state_is_good_for_one_use(browser: Browser) -> None:
    cookie, back = await browser.begin()
    first, second = await asyncio.gather(*(browser.open(back, cookie) for _ in range(2)))
    assert sorted((first.status, second.status)) == [200, 400]
    again = await browser.open(back, cookie)
    assert (again.status, "이미 설치를 마쳤거나" in again.page) == (400, True)
    assert len(browser.desk.slack.accesses) == 1


async def test_another_browser_cannot_finish_and_the_first_still_can(browser: Browser) -> None:
    cookie, back = await browser.begin()
    stranger, _ = await browser.begin()
    for foreign in ("", stranger, f"{COOKIE}=", "a=b"):
        refused = await browser.open(back, foreign)
        assert (refused.status, "설치를 시작한 브라우저가 아니에요" in refused.page) == (400, True)
        assert "began in another browser" in refused.page
    assert browser.desk.slack.accesses == []
    assert (await browser.open(back, cookie)).status == 200


async def test_a_stale_state_asks_slack_nothing(browser: Browser) -> None:
    cookie, back = await browser.begin()
    async with browser.desk.database.begin() as connection:
        await connection.execute(text("UPDATE slack_oauth_states SET expire_at = now()"))
    assert (await browser.open(back, cookie)).status == 400
    assert browser.desk.slack.accesses == []


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?code=1",
        "?state=1&code=1",
        "?state=%00&code=1",
        "?state=%ff%fe&code=%ed%a0%80",
        "?state=" + "a" * 43 + "&code=1",
        "?" + "a=1&" * 2000,
    ],
)
async def test_strange_queries_get_a_page(browser: Browser, query: str) -> None:
    state = URL("/" + query).query.get("state", "x")
    cookie = f"{COOKIE}={state}" if state.isprintable() and state.isascii() else ""
    answer = await browser.open(REDIRECT_PATH + query, cookie)
    assert (answer.status, "설치" in answer.page) == (400, True)


async def test_a_person_who_declines_reads_that_nothing_changed(browser: Browser) -> None:
    declined = await browser.open(f"{REDIRECT_PATH}?error=access_denied&state=x")
    assert (declined.status, "설치를 취소했어요" in declined.page) == (403, True)
    assert "The installation was cancelled" in declined.page


async def test_slack_s_own_error_is_named_and_nothing_else_of_the_url(browser: Browser) -> None:
    named = await browser.open(f"{REDIRECT_PATH}?error=bad_redirect_uri")
    assert (named.status, "bad_redirect_uri" in named.page) == (400, True)
    forged = await browser.open(f"{REDIRECT_PATH}?error=%3Cscript%3Ealert(1)%3C/script%3E")
    assert (forged.status, "script" in forged.page) == (400, False)


async def test_a_code_that_slack_refuses_keeps_nothing(browser: Browser) -> None:
    cookie, back = await browser.begin()
    browser.desk.slack.age_code(URL(back).query["code"], 601)
    refused = await browser.open(back, cookie)
    assert (refused.status, "Slack이 설치를 마치지 못했어요" in refused.page) == (400, True)
    assert await browser.desk.count("slack_installations") == 0


@pytest.mark.parametrize("fault", [Fault.DROPPED, Fault.CUT])
async def test_slack_out_of_reach_is_asked_once(browser: Browser, fault: Fault) -> None:
    browser.desk.slack.access_faults.always = fault
    cookie, back = await browser.begin()
    answer = await browser.open(back, cookie)
    assert (answer.status, "지금은 설치할 수 없어요" in answer.page) == (503, True)
    assert len(browser.desk.slack.accesses) == 1


async def test_a_database_that_is_gone_is_no_stale_state(browser: Browser) -> None:
    cookie, back = await browser.begin()
    async with browser.desk.database.begin() as connection:
        await connection.execute(text("ALTER TABLE slack_oauth_states RENAME TO away"))
    assert (await browser.open(INSTALL_PATH)).status == 503
    assert (await browser.open(back, cookie)).status == 503
    async with browser.desk.database.begin() as connection:
        await connection.execute(text("ALTER TABLE away RENAME TO slack_oauth_states"))
    assert (await browser.open(back, cookie)).status == 200


async def test_missing_scopes_are_named(browser: Browser) -> None:
    browser.desk.slack.withheld = {"users:read", "channels:history"}
    cookie, back = await browser.begin()
    done = await browser.open(back, cookie)
    assert (done.status, "channels:history, users:read" in done.page) == (200, True)
    assert "권한이 허용되지 않아서" in done.page


async def test_a_head_request_uses_no_state_up(browser: Browser) -> None:
    cookie, back = await browser.begin()
    before = await browser.desk.count("slack_oauth_states")
    assert (await browser.open(INSTALL_PATH, method="HEAD")).status == 200
    assert (await browser.open(back, cookie, method="HEAD")).status == 200
    assert await browser.desk.count("slack_oauth_states") == before
    assert (await browser.open(back, cookie)).status == 200


async def test_a_page_loads_nothing_and_is_kept_by_nobody(browser: Browser) -> None:
    page = await browser.open(f"{REDIRECT_PATH}?error=access_denied")
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
