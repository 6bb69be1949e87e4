"""Authentication and roles: closed by default, one login, a CSRF token in every form."""

from __future__ import annotations

import hmac
from dataclasses import dataclass

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler
from aiohttp_session import get_session
from yarl import URL

from bot.admin.login import devices
from bot.admin.login.access import is_public, keeps_text, rule_for
from bot.admin.login.accounts import Accounts
from bot.admin.login.devices import Devices
from bot.admin.login.identity import LOGIN_COOKIE, USER
from bot.admin.login.second_factor import SecondFactor
from bot.admin.login.sessions import PREFIX, Sessions, opens_for
from bot.admin.login.throttle import Caller, Throttle
from bot.admin.web import language
from bot.admin.web.audit import TRAIL, entry, try_to_record
from bot.admin.web.forms import read_form
from bot.admin.web.kept_text import kept_text_page
from bot.admin.web.language import translate as _
from bot.admin.web.pages import CSRF, error_page, static_file
from bot.domain.audit import AuditAction
from bot.http import client_address

log = structlog.get_logger(__name__)

_SESSION_OVER = "로그인이 만료되어 저장하지 못했습니다. 새 창에서 로그인한 뒤 다시 보내 주세요."
_LOGGED_IN_AGAIN = (
    "로그인이 바뀌어 아직 저장하지 않았습니다. 적어 둔 내용을 확인하고 다시 보내 주세요."
)
_OTHERS_TEXT = (
    "다른 사용자로 로그인해 있어 이 내용을 받지 않았습니다. 처음 쓰던 사용자로 로그인한 뒤 앞"
    " 페이지에서 다시 보내 주세요."
)
_SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """Everything that authentication needs."""

    accounts: Accounts
    sessions: Sessions
    throttle: Throttle
    devices: Devices
    second_factor: SecondFactor
    behind_proxy: bool

    def is_https(self, request: web.Request) -> bool:
        """Whether the browser uses https."""
        return client_address.is_https(request, behind_proxy=self.behind_proxy)

    def caller(self, request: web.Request, user: str) -> Caller:
        """Who tries to log in as the user, for the throttle."""
        return Caller(
            address=client_address.client_address(request, behind_proxy=self.behind_proxy),
            device=self.devices.known(request.cookies.get(devices.COOKIE, ""), user),
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
    if request.app[GATE].accounts.are_open or request.match_info.handler is static_file:
        return await handler(request)
    closed = _("대시보드가 닫혀 있습니다. BOT_ADMIN_PASSWORD를 설정하고 다시 시작하면 열립니다.")
    return error_page(request, 503, closed)


@web.middleware
async def login_required(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Redirect to the login page unless the view is public or the session is a user's."""
    if is_public(request):
        return await handler(request)
    session, gate = await get_session(request), request.app[GATE]
    rule = rule_for(request.match_info.handler)
    if rule and rule.offline and gate.sessions.seems_alive(session):
        request[CSRF] = session["csrf"]
        return await handler(request)
    if not await gate.sessions.is_alive(session):
        return await _to_login(request)
    user = await gate.accounts.find(session["user"])
    if user is None or not opens_for(session, user):
        session.invalidate()
        return await _to_login(request)
    request[USER], request[CSRF] = user, session["csrf"]
    language.choose(user.language)
    return await handler(request)


@web.middleware
async def role_required(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse with 403 a view that is not for the user's role, or for nobody's."""
    user = request.get(USER)
    if user is None or request.match_info.http_exception:
        return await handler(request)  # public, offline, or no such path or method
    rule = rule_for(request.match_info.handler)
    if rule is None or rule.role is None or not user.role.includes(rule.role):
        path = request.match_info.route.resource
        seen = entry(request, AuditAction.ROLE_REFUSED, path.canonical if path else "")
        await try_to_record(seen, request.app[TRAIL])
        sentence = _("이 페이지를 볼 권한이 없습니다. 관리자에게 요청해 주세요.")
        if await _is_own_text(request, user.name):
            return await kept_text_page(request, sentence)
        return error_page(request, 403, sentence)
    if user.must_change_password and not rule.temporary_password:
        raise web.HTTPSeeOther(request.app.router["account"].url_for())
    return await handler(request)


@web.middleware
async def csrf_checked(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse with 403 a form without the token of its session or login page."""
    if request.method in _SAFE_METHODS:
        return await handler(request)
    expected = request.cookies.get(LOGIN_COOKIE) if is_public(request) else request[CSRF]
    # Without a page of ours behind it a form is not even read.
    if not expected or not _same((await read_form(request)).get("csrf", ""), expected):
        return await _show_stale(request)
    return await handler(request)


async def _show_stale(request: web.Request) -> web.StreamResponse:
    """The text of a form of an ended session, to whom the form was made for and nobody else."""
    user, rule = request.get(USER), rule_for(request.match_info.handler)
    if user is None or rule is None or not await _is_kept(request):
        raise web.HTTPForbidden
    if not await _is_own_text(request, user.name):
        return error_page(request, 403, _(_OTHERS_TEXT))
    if rule.when_stale:
        return await rule.when_stale(request)
    return await kept_text_page(request, _(_LOGGED_IN_AGAIN), token=request[CSRF])


async def _is_kept(request: web.Request) -> bool:
    """Whether the request is a form of ours with words; the text of no other is shown again."""
    if not keeps_text(request) or not request.content_length:
        return False
    token = (await read_form(request)).get("csrf", "")
    return request.app[GATE].sessions.tokens.is_ours(token)


async def _is_own_text(request: web.Request, user: str) -> bool:
    if not await _is_kept(request):
        return False
    token = (await read_form(request))["csrf"]
    return request.app[GATE].sessions.tokens.is_for(token, user)


async def _to_login(request: web.Request) -> web.StreamResponse:
    if await _is_kept(request):
        token = (await read_form(request))["csrf"]
        return await kept_text_page(request, _(_SESSION_OVER), token=token, is_logged_in=False)
    raise web.HTTPSeeOther(login_url(request))


def login_url(request: web.Request) -> URL:
    """The login page, and behind it the page that was asked for."""
    url = request.app.router["login"].url_for()
    if request.method != "GET" or (request.path == PREFIX and not request.query):
        return url
    return url.with_query(next=str(request.rel_url))


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode())
