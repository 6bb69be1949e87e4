"""Logging in, with a code where the user has a second factor, and logging out."""

from __future__ import annotations

from dataclasses import replace

import structlog
from aiohttp import web
from aiohttp_session import get_session, new_session
from yarl import URL

from bot.admin.login.access import needs, public
from bot.admin.login.auth import GATE
from bot.admin.login.login_page import login_page, own_path, remember_device, throttled_page
from bot.admin.login.second_factor import Code
from bot.admin.login.throttle import Caller
from bot.admin.web.audit import TRAIL, entry, try_to_record
from bot.admin.web.forms import read_form
from bot.admin.web.language import translate as _
from bot.admin.web.pages import DATABASE
from bot.domain.audit import AuditAction
from bot.domain.dashboard_users import DashboardUser, Role
from bot.store import audit_log
from runtime.database import DATABASE_ERRORS

log = structlog.get_logger(__name__)

_CODE_PAGE = "login_code.html"


@public
async def show_login(request: web.Request) -> web.StreamResponse:
    """Show the login page: GET /admin/login."""
    target = own_path(request.query.get("next", ""))
    if request.app[GATE].sessions.seems_alive(await get_session(request)):
        raise web.HTTPSeeOther(target)
    return login_page(request, target)


@public
async def log_in(request: web.Request) -> web.StreamResponse:
    """Check name and password: POST /admin/login."""
    gate, form = request.app[GATE], await read_form(request)
    target, name = own_path(form.get("next", "")), form.get("user", "")
    caller = gate.caller(request, name)
    if wait := gate.throttle.wait_s(caller):
        return throttled_page(request, target, wait)
    user = await gate.accounts.authenticate(name, form.get("password", ""))
    if user is None:
        await _refuse(request, AuditAction.LOGIN_REFUSED, name, caller)
        return login_page(request, target, 403, _("아이디 또는 비밀번호가 맞지 않습니다."))
    gate.throttle.forgive(caller)
    if user.has_second_factor:
        raise await _expect_code(request, user, target)
    raise await begin_session(request, user, target, factor="")


@public
async def show_code(request: web.Request) -> web.StreamResponse:
    """Ask for the code of the second factor: GET /admin/login/code."""
    target = own_path(request.query.get("next", ""))
    await _expected_user(request)
    return login_page(request, target, template=_CODE_PAGE)


@public
async def check_code(request: web.Request) -> web.StreamResponse:
    """Check a code, and use it up: POST /admin/login/code."""
    gate, form = request.app[GATE], await read_form(request)
    target, user = own_path(form.get("next", "")), await _expected_user(request)
    caller = replace(gate.caller(request, user.name), user=user.name)
    if wait := gate.throttle.wait_s(caller):
        return throttled_page(request, target, wait, template=_CODE_PAGE)
    async with request.app[DATABASE].begin() as connection:
        code = await gate.second_factor.use(connection, user, form.get("code", ""))
        if code is Code.RECOVERY:
            used = entry(request, AuditAction.RECOVERY_CODE_USED, actor=user.name)
            await audit_log.append(connection, [used])
    if code in (Code.APP, Code.RECOVERY):
        gate.throttle.forgive(caller)
        raise await begin_session(request, user, target, factor=code.value)
    await _refuse(request, AuditAction.CODE_REFUSED, user.name, caller)
    return login_page(request, target, 403, _sentence(code), template=_CODE_PAGE)


@needs(Role.VIEWER, temporary_password=True, offline=True)
async def log_out(request: web.Request) -> web.StreamResponse:
    """End the session: POST /admin/logout."""
    session = await get_session(request)
    noted = entry(request, AuditAction.LOGOUT, actor=session["user"])
    await request.app[GATE].sessions.end(session)
    await try_to_record(noted, request.app[TRAIL])
    raise web.HTTPSeeOther(request.app.router["login"].url_for())


def _sentence(code: Code) -> str:
    if code is Code.UNREADABLE:
        return _(
            "인증 앱의 코드를 확인할 수 없습니다. 복구 코드를 쓰거나 관리자에게 2단계 인증 초기화를"
            " 요청해 주세요."
        )
    return _("코드가 맞지 않거나 이미 사용되었습니다. 새 코드를 입력해 주세요.")


async def _expect_code(request: web.Request, user: DashboardUser, target: URL) -> web.HTTPSeeOther:
    await _end_old_session(request)
    request.app[GATE].sessions.expect_code(await new_session(request), user)
    url = request.app.router["login_code"].url_for()
    return web.HTTPSeeOther(url.with_query(next=str(target)))


async def _expected_user(request: web.Request) -> DashboardUser:
    """The user whose password was right some minutes ago; else the login begins anew."""
    gate = request.app[GATE]
    expected = gate.sessions.expected(await get_session(request))
    user = await gate.accounts.find(expected[0]) if expected else None
    if expected is None or user is None or user.disabled_at or user.generation != expected[1]:
        raise web.HTTPSeeOther(request.app.router["login"].url_for())
    return user


async def begin_session(
    request: web.Request, user: DashboardUser, target: URL, *, factor: str
) -> web.HTTPSeeOther:
    """Begin the user's session, and lead to the page; ``factor``: what vouches beside a password.

    Raises DATABASE_ERRORS.
    """
    gate = request.app[GATE]
    how = {"second_factor": factor}
    noted = entry(request, AuditAction.LOGIN, actor=user.name, details=how)
    await gate.accounts.note_login(user, noted)
    await _end_old_session(request)
    gate.sessions.begin(await new_session(request), user, second_factor=bool(factor))
    log.info("admin login", **gate.log_fields(request, gate.caller(request, user.name)))
    response = web.HTTPSeeOther(target)
    remember_device(request, response, user.name)
    return response


async def _end_old_session(request: web.Request) -> None:
    """The session that came with the request ends, so that no session is fixated."""
    old, sessions = await get_session(request), request.app[GATE].sessions
    if sessions.seems_alive(old):
        await sessions.end(old)


async def _refuse(request: web.Request, action: AuditAction, name: str, caller: Caller) -> None:
    """Log a refusal. The name only of a user: people type passwords into that field, too."""
    gate = request.app[GATE]
    log.warning("admin login refused", **gate.log_fields(request, caller))
    try:
        user = await gate.accounts.find(name)
    except DATABASE_ERRORS:
        return
    refused = entry(request, action, actor=user.name if user else "")
    await try_to_record(refused, request.app[TRAIL])
