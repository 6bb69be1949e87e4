"""Authentication: closed by default, one login, a CSRF token in every form."""

from __future__ import annotations

import hmac
import re
import secrets
from dataclasses import dataclass

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler
from aiohttp_session import get_session, new_session
from yarl import URL

from bot.admin.login import devices
from bot.admin.login.access import is_public, public
from bot.admin.login.devices import Devices
from bot.admin.login.password import Password
from bot.admin.login.sessions import PREFIX, Sessions
from bot.admin.login.throttle import Caller, Throttle
from bot.admin.web.pages import CSRF, error_page, page, static_file
from bot.http import client_address
from bot.http.body import read_body

log = structlog.get_logger(__name__)

MAX_FORM_BYTES = 16 * 1024

_SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}

#: Holds the CSRF token of the login form: before the login there is no session to hold it, and
#: strangers get no session cookie, whose key is derived from the password.
_LOGIN_COOKIE = "bllossom_admin_login"
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)

_WRONG = "아이디 또는 비밀번호가 맞지 않습니다."
_CLOSED = "대시보드가 닫혀 있습니다. BOT_ADMIN_PASSWORD를 설정하고 다시 시작하면 열립니다."


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """Everything that authentication needs."""

    password: Password
    sessions: Sessions
    throttle: Throttle
    devices: Devices
    behind_proxy: bool

    def is_https(self, request: web.Request) -> bool:
        """Whether the browser uses https."""
        return client_address.is_https(request, behind_proxy=self.behind_proxy)

    def caller(self, request: web.Request) -> Caller:
        """Who tries to log in, for the throttle."""
        return Caller(
            address=client_address.client_address(request, behind_proxy=self.behind_proxy),
            device=self.devices.known(request.cookies.get(devices.COOKIE, "")),
        )

    def log_fields(self, request: web.Request, caller: Caller) -> dict[str, object]:
        """The caller in a log line; ``proxy_not_set``: a proxy is seen that no setting names."""
        return {
            "address": str(caller.address or "unknown"),
            "known_device": bool(caller.device),
            "proxy_not_set": client_address.is_forwarded(request) and not self.behind_proxy,
        }


GATE = web.AppKey("GATE", Gate)


@web.middleware
async def closed_by_default(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Without a password every page says how to open the dashboard."""
    if request.app[GATE].password.is_set or request.match_info.handler is static_file:
        return await handler(request)
    return error_page(request, 503, _CLOSED)


@web.middleware
async def login_required(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Redirect to the login page unless the view is public or the session is alive."""
    if is_public(request):
        return await handler(request)
    session, sessions = await get_session(request), request.app[GATE].sessions
    # A logout works without Postgres, too: ending a session twice does no harm.
    leaves = request.match_info.handler is log_out
    if not (sessions.seems_alive(session) if leaves else await sessions.is_alive(session)):
        raise web.HTTPSeeOther(_login_url(request))
    request[CSRF] = session["csrf"]
    return await handler(request)


@web.middleware
async def csrf_checked(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse with 403 a form without the token of its session or login page."""
    if request.method in _SAFE_METHODS:
        return await handler(request)
    expected = request.cookies.get(_LOGIN_COOKIE) if is_public(request) else request[CSRF]
    # Without a page of ours behind it a form is not even read.
    if not expected or not _same((await _form(request)).get("csrf", ""), expected):
        raise web.HTTPForbidden
    return await handler(request)


@public
async def show_login(request: web.Request) -> web.StreamResponse:
    """Show the login page: GET /admin/login."""
    target = own_path(request.query.get("next", ""))
    if request.app[GATE].sessions.seems_alive(await get_session(request)):
        raise web.HTTPSeeOther(target)
    return _login_page(request, target)


@public
async def log_in(request: web.Request) -> web.StreamResponse:
    """Check name and password: POST /admin/login."""
    gate, form = request.app[GATE], await _form(request)
    target, caller = own_path(form.get("next", "")), gate.caller(request)
    who = gate.log_fields(request, caller)
    if wait := gate.throttle.wait_s(caller):
        return _throttled(request, target, wait)
    if not await gate.password.matches(form.get("user", ""), form.get("password", "")):
        log.warning("admin login refused", **who)
        return _login_page(request, target, 403, _WRONG)
    gate.throttle.forgive(caller)
    await _begin_session(request, gate.sessions)
    log.info("admin login", **who)
    response = web.HTTPSeeOther(target)
    _remember_device(request, response)
    raise response


async def log_out(request: web.Request) -> web.StreamResponse:
    """End the session: POST /admin/logout."""
    await request.app[GATE].sessions.end(await get_session(request))
    raise web.HTTPSeeOther(request.app.router["login"].url_for())


def own_path(raw: str) -> URL:
    """``raw`` if it is the URL of a dashboard page, else the first page."""
    home = URL(PREFIX)
    if not raw.startswith(PREFIX) or "\\" in raw or not raw.isprintable():
        return home
    try:
        url = URL(raw)
    except ValueError:
        return home
    # The decoded path: browsers also resolve dots that are written as %2e.
    return url if url.path.startswith(PREFIX) and ".." not in url.path else home


async def _begin_session(request: web.Request, sessions: Sessions) -> None:
    """Replace the session that came with the request, so that no session is fixated."""
    old = await get_session(request)
    if sessions.seems_alive(old):
        await sessions.end(old)
    sessions.begin(await new_session(request))


def _login_url(request: web.Request) -> URL:
    url = request.app.router["login"].url_for()
    if request.method != "GET" or (request.path == PREFIX and not request.query):
        return url
    return url.with_query(next=str(request.rel_url))


def _login_page(
    request: web.Request, target: URL, status: int = 200, sentence: str = ""
) -> web.Response:
    token = request.cookies.get(_LOGIN_COOKIE, "")
    if not _TOKEN.fullmatch(token):
        token = secrets.token_urlsafe(32)
    response = page(request, "login.html", status, token=token, target=target, sentence=sentence)
    _set_cookie(request, response, _LOGIN_COOKIE, token)
    return response


def _remember_device(request: web.Request, response: web.StreamResponse) -> None:
    """Give the browser tries of its own for its next logins."""
    cookie = request.app[GATE].devices.new_cookie()
    _set_cookie(request, response, devices.COOKIE, cookie, max_age=devices.MAX_AGE_S)


def _set_cookie(
    request: web.Request,
    response: web.StreamResponse,
    name: str,
    value: str,
    *,
    max_age: int | None = None,
) -> None:
    """A cookie that only the login page gets."""
    response.set_cookie(
        name,
        value,
        max_age=max_age,
        path=str(request.app.router["login"].url_for()),
        secure=request.app[GATE].is_https(request),
        httponly=True,
        samesite="Strict",
    )


def _throttled(request: web.Request, target: URL, wait_s: int) -> web.Response:
    sentence = f"로그인을 너무 많이 시도했습니다. {wait_s}초 뒤에 다시 시도해 주세요."
    response = _login_page(request, target, 429, sentence)
    response.headers["Retry-After"] = str(wait_s)
    return response


async def _form(request: web.Request) -> dict[str, str]:
    """The fields of a URL-encoded form in UTF-8; raises HTTPException for any other body."""
    # Of the many other charsets some take quadratic time to decode.
    is_utf8 = (request.charset or "utf-8").lower() == "utf-8"
    if request.content_type != "application/x-www-form-urlencoded" or not is_utf8:
        raise web.HTTPUnsupportedMediaType
    if request.content_length is None:
        raise web.HTTPLengthRequired
    if request.content_length > MAX_FORM_BYTES:
        raise web.HTTPRequestEntityTooLarge(MAX_FORM_BYTES, request.content_length)
    await read_body(request)
    try:
        fields = await request.post()
    except (ValueError, LookupError):
        raise web.HTTPBadRequest from None
    return {name: value for name, value in fields.items() if isinstance(value, str)}


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode())
