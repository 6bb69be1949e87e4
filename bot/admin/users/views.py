"""The list of users, and what an admin changes of one."""

from __future__ import annotations

from functools import partial

from aiohttp import web

from bot.admin.login.access import needs
from bot.admin.login.auth import GATE
from bot.admin.login.identity import USER
from bot.admin.users.management import Management, NameTakenError
from bot.admin.users.rules import (
    MAX_NAME_CHARS,
    UnsoundError,
    one_time_password,
    sound_name,
    sound_password,
)
from bot.admin.web import labels
from bot.admin.web.audit import entry, record
from bot.admin.web.forms import read_form, read_reason
from bot.admin.web.language import translate as _
from bot.admin.web.numbers import whole_number
from bot.admin.web.pages import DATABASE, error_page, page
from bot.domain.audit import AuditAction
from bot.domain.dashboard_users import DashboardUser, Role
from bot.domain.turns import clean_text
from bot.store import dashboard_users

PAGE_SIZE = 80


@needs(Role.ADMIN)
async def show_users(request: web.Request) -> web.StreamResponse:
    """GET /admin/users: everybody, and a form to add somebody."""
    await record(request, AuditAction.USERS_READ)
    return await _users_page(request)


@needs(Role.ADMIN)
async def add_user(request: web.Request) -> web.StreamResponse:
    """POST /admin/users: add a user with a password that is shown once, or was typed."""
    form, gate = await read_form(request), request.app[GATE]
    try:
        name, role = sound_name(form.get("name", "")), _role(form)
        password, made = _password(form)
    except UnsoundError as error:
        return await _users_page(request, 400, _(str(error)))
    password_hash = await gate.accounts.make_hash(password)
    try:
        if gate.accounts.is_first_admin(name):
            raise NameTakenError(name)
        user_id = await (await _management(request)).add(name, role, password_hash)
    except NameTakenError:
        return await _users_page(
            request, 409, _("이미 있는 아이디입니다. 다른 아이디를 정해 주세요.")
        )
    return await _with_password(request, user_id, made, "added")


@needs(Role.ADMIN)
async def show_user(request: web.Request) -> web.StreamResponse:
    """GET /admin/users/{id}: one user."""
    done, user_id = _DONE.get(request.query.get("done", ""), ""), _id(request)
    if found := await _find(request, user_id):
        await record(request, AuditAction.USERS_READ, f"user:{found.name}")
    return await _user_page(request, user_id, sentence=_(done))


@needs(Role.ADMIN, keeps_text=True)
async def change_role(request: web.Request) -> web.StreamResponse:
    """POST /admin/users/{id}/role: give the user another role."""
    user_id = await _others_id(request)
    try:
        role = _role(await read_form(request))
    except UnsoundError as error:
        return await _user_page(request, user_id, 400, sentence=_(str(error)))
    await (await _management(request)).set_role(user_id, role)
    raise _back(request, user_id, "role")


@needs(Role.ADMIN, keeps_text=True)
async def change_state(request: web.Request) -> web.StreamResponse:
    """POST /admin/users/{id}/state: close the account, or open it again."""
    user_id, form = await _others_id(request), await read_form(request)
    disabled = form.get("state") != "enabled"
    await (await _management(request)).set_disabled(user_id, disabled=disabled)
    raise _back(request, user_id, "disabled" if disabled else "enabled")


@needs(Role.ADMIN)
async def set_password(request: web.Request) -> web.StreamResponse:
    """POST /admin/users/{id}/password: a password that the user replaces at the next login."""
    user_id = await _others_id(request)
    try:
        password, made = _password(await read_form(request))
    except UnsoundError as error:
        return await _user_page(request, user_id, 400, sentence=_(str(error)))
    password_hash = await request.app[GATE].accounts.make_hash(password)
    await (await _management(request)).set_password(user_id, password_hash)
    return await _with_password(request, user_id, made, "password")


@needs(Role.ADMIN, keeps_text=True)
async def reset_second_factor(request: web.Request) -> web.StreamResponse:
    """POST /admin/users/{id}/second-factor: let the user in without a code."""
    user_id = await _others_id(request)
    await (await _management(request)).reset_second_factor(user_id)
    raise _back(request, user_id, "second-factor")


#: What a page says after a change, by the word in its address.
_DONE = {
    "added": "사용자를 추가했습니다. 첫 로그인 때 새 비밀번호를 정하게 됩니다.",
    "role": "역할을 바꿨습니다. 사용자는 다시 로그인해야 합니다.",
    "disabled": "계정을 사용 중지했습니다.",
    "enabled": "계정을 다시 열었습니다.",
    "password": "비밀번호를 바꿨습니다. 다음 로그인 때 새 비밀번호를 정하게 됩니다.",
    "second-factor": "2단계 인증을 초기화했습니다.",
}


def _back(request: web.Request, user_id: int, done: str) -> web.HTTPSeeOther:
    url = request.app.router["user"].url_for(id=str(user_id))
    return web.HTTPSeeOther(url.with_query(done=done))


async def _with_password(
    request: web.Request, user_id: int, password: str, done: str
) -> web.StreamResponse:
    """The user's page; a password that was made here is shown on it this once."""
    if not password:
        raise _back(request, user_id, done)
    return await _user_page(request, user_id, sentence=_(_DONE[done]), password=password)


async def _management(request: web.Request) -> Management:
    made = partial(entry, request, reason=await read_reason(request))
    return Management(database=request.app[DATABASE], entry=made)


async def _users_page(request: web.Request, status: int = 200, sentence: str = "") -> web.Response:
    after = clean_text(request.query.get("after", ""))[:MAX_NAME_CHARS]
    async with request.app[DATABASE].connect() as connection:
        found = await dashboard_users.list_after(connection, after, PAGE_SIZE + 1)
    shown = found[:PAGE_SIZE]
    return page(
        request,
        "users.html",
        status,
        users=shown,
        first=after,
        after=shown[-1].name if len(found) > PAGE_SIZE else "",
        roles=labels.ROLES,
        sentence=sentence,
    )


async def _user_page(
    request: web.Request,
    user_id: int,
    status: int = 200,
    *,
    sentence: str = "",
    password: str = "",
) -> web.Response:
    """``password``: a new one, which is shown this once."""
    found = await _find(request, user_id)
    if found is None:
        return error_page(request, 404, _("해당 사용자를 찾을 수 없습니다."))
    return page(
        request,
        "user.html",
        status,
        shown=found,
        changeable=_may_change(request, found),
        first_admin=request.app[GATE].accounts.is_first_admin(found.name),
        roles=labels.ROLES,
        sentence=sentence,
        password=password,
    )


async def _others_id(request: web.Request) -> int:
    """The id in the page's address, of a user the admin may change. Raises HTTPException."""
    user_id = _id(request)
    found = await _find(request, user_id)
    if found is None:
        raise web.HTTPNotFound
    if not _may_change(request, found):
        raise web.HTTPConflict
    return user_id


def _may_change(request: web.Request, user: DashboardUser) -> bool:
    """Not oneself: nobody locks themselves out. Not the first admin: the settings name them."""
    is_self = user.name == request[USER].name
    return not is_self and not request.app[GATE].accounts.is_first_admin(user.name)


async def _find(request: web.Request, user_id: int) -> DashboardUser | None:
    async with request.app[DATABASE].connect() as connection:
        return await dashboard_users.find_by_id(connection, user_id)


def _id(request: web.Request) -> int:
    user_id = whole_number(request.match_info["id"])
    if user_id is None:
        raise web.HTTPNotFound
    return user_id


def _role(form: dict[str, str]) -> Role:
    try:
        return Role(form.get("role", ""))
    except ValueError:
        raise UnsoundError("역할을 목록에서 골라 주세요.") from None


def _password(form: dict[str, str]) -> tuple[str, str]:
    """The new password, and what to show of it: only a password that was made here."""
    if typed := form.get("password", ""):
        return sound_password(typed), ""
    made = one_time_password()
    return made, made
