"""One's own account: password, language, second factor, recovery codes."""

from __future__ import annotations

from aiohttp import web
from aiohttp_session import get_session

from bot.admin.login.access import needs
from bot.admin.login.auth import GATE
from bot.admin.login.identity import USER
from bot.admin.login.throttle import Caller
from bot.admin.users.rules import UnsoundError, are_same, sound_password
from bot.admin.web import labels, language
from bot.admin.web.audit import entry
from bot.admin.web.forms import read_form
from bot.admin.web.language import translate as _
from bot.admin.web.pages import DATABASE, page
from bot.domain.audit import AuditAction
from bot.domain.dashboard_users import Role
from bot.store import audit_log, dashboard_users

#: What the page says after a change, by the word in its address.
_DONE = {
    "password": "비밀번호를 바꿨습니다. 다른 곳의 로그인은 모두 끝났습니다.",
    "language": "언어를 바꿨습니다.",
    "second-factor-off": "2단계 인증을 껐습니다.",
}


@needs(Role.VIEWER, temporary_password=True)
async def show_account(request: web.Request) -> web.StreamResponse:
    """GET /admin/account: what one can change of oneself."""
    done = _DONE.get(request.query.get("done", ""), "")
    return account_page(request, sentence=_(done))


@needs(Role.VIEWER, temporary_password=True)
async def change_password(request: web.Request) -> web.StreamResponse:
    """POST /admin/account/password: ends the user's other sessions."""
    form, user, gate = await read_form(request), request[USER], request.app[GATE]
    if user.password_hash is None or user.id is None:
        raise web.HTTPConflict
    if refusal := await check_own_password(request, form.get("current", "")):
        return refusal
    try:
        password = sound_password(form.get("password", ""))
        if not are_same(password, form.get("again", "")):
            raise UnsoundError("새 비밀번호 두 개가 서로 다릅니다.")
        if are_same(password, form.get("current", "")):
            raise UnsoundError("지금과 다른 비밀번호를 정해 주세요.")
    except UnsoundError as error:
        return account_page(request, 400, wrong=_(str(error)))
    password_hash = await gate.accounts.make_hash(password)
    async with request.app[DATABASE].begin() as connection:
        await dashboard_users.set_password(connection, user.id, password_hash, by_another=False)
        changed = entry(request, AuditAction.PASSWORD_CHANGED, f"user:{user.name}")
        await audit_log.append(connection, [changed])
    gate.sessions.renew(await get_session(request), user.generation + 1)
    raise back(request, "password")


@needs(Role.VIEWER, temporary_password=True)
async def change_language(request: web.Request) -> web.StreamResponse:
    """POST /admin/account/language: of all pages, at the next request."""
    asked, user = (await read_form(request)).get("language", ""), request[USER]
    if asked not in language.LANGUAGES:
        return account_page(request, 400, wrong=_("언어를 목록에서 골라 주세요."))
    async with request.app[DATABASE].begin() as connection:
        if user.id is None:
            raise web.HTTPConflict
        await dashboard_users.set_language(connection, user.id, asked)
        changed = entry(
            request,
            AuditAction.LANGUAGE_CHANGED,
            f"user:{user.name}",
            details={"language": asked},
        )
        await audit_log.append(connection, [changed])
    raise back(request, "language")


async def check_own_password(request: web.Request, typed: str) -> web.Response | None:
    """The page that says no, or None: the user has typed the own password.

    Throttled like a login: a session that was left open must not be a place to guess at.
    """
    user, gate = request[USER], request.app[GATE]
    caller = Caller(address=None, device=f"account {user.name}")
    if wait := gate.throttle.wait_s(caller):
        sentence = _("너무 많이 시도했습니다. {seconds}초 뒤에 다시 시도해 주세요.", seconds=wait)
        response = account_page(request, 429, wrong=sentence)
        response.headers["Retry-After"] = str(wait)
        return response
    if not await gate.accounts.matches(user, typed):
        return account_page(request, 403, wrong=_("지금 비밀번호가 맞지 않습니다."))
    gate.throttle.forgive(caller)
    return None


def account_page(
    request: web.Request, status: int = 200, *, sentence: str = "", wrong: str = ""
) -> web.Response:
    """The page; ``wrong``: why nothing was changed."""
    gate, user = request.app[GATE], request[USER]
    return page(
        request,
        "account.html",
        status,
        sentence=sentence,
        wrong=wrong,
        role=_(labels.ROLES[user.role]),
        languages=language.LANGUAGES,
        has_stored_password=user.password_hash is not None,
        is_first_admin=gate.accounts.is_first_admin(user.name),
        can_enrol=gate.second_factor.is_available and user.id is not None,
    )


def back(request: web.Request, done: str) -> web.HTTPSeeOther:
    """The page again, which says what was done."""
    return web.HTTPSeeOther(request.app.router["account"].url_for().with_query(done=done))
