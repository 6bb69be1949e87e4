"""Switching one's second factor on and off, and new recovery codes."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web
from aiohttp_session import get_session
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.admin.account.views import account_page, back, check_own_password
from bot.admin.login import one_time_codes, recovery_codes
from bot.admin.login.access import needs
from bot.admin.login.auth import GATE
from bot.admin.login.identity import USER
from bot.admin.web.audit import entry
from bot.admin.web.forms import read_form
from bot.admin.web.language import translate as _
from bot.admin.web.pages import DATABASE, page
from bot.domain.audit import AuditAction
from bot.domain.dashboard_users import Role
from bot.store import audit_log, dashboard_users


@needs(Role.VIEWER)
async def begin(request: web.Request) -> web.StreamResponse:
    """POST /admin/account/second-factor: make a secret, which no login asks for yet."""
    user, factor = request[USER], request.app[GATE].second_factor
    if not factor.is_available or user.id is None or user.has_second_factor:
        raise web.HTTPConflict
    if refusal := await _wrong_password(request):
        return refusal
    async with request.app[DATABASE].begin() as connection:
        await dashboard_users.begin_second_factor(connection, user.id, factor.new_secret())
    raise web.HTTPSeeOther(request.app.router["second_factor"].url_for())


@needs(Role.VIEWER)
async def show_secret(request: web.Request) -> web.StreamResponse:
    """GET /admin/account/second-factor: the secret for the app, until a code has confirmed it."""
    return _secret_page(request)


@needs(Role.VIEWER)
async def confirm(request: web.Request) -> web.StreamResponse:
    """POST /admin/account/second-factor/confirm: from now on a login needs a code."""
    gate, user = request.app[GATE], request[USER]
    user_id, secret = _enrolling(request)
    step = gate.second_factor.matching_step(user, (await read_form(request)).get("code", ""))
    if step is None:
        sentence = _(
            "코드가 맞지 않습니다. 휴대전화의 시각이 맞는지 확인하고 새 코드를 입력해 주세요."
        )
        return _secret_page(request, 400, sentence)
    codes = recovery_codes.new_codes()
    hashes = [recovery_codes.code_hash(code) for code in codes]
    async with request.app[DATABASE].begin() as connection:
        if not await dashboard_users.confirm_second_factor(
            connection, user_id, secret, step=step, hashes=hashes
        ):
            raise web.HTTPConflict
        await _log(request, connection, AuditAction.FACTOR_SWITCHED_ON)
    session = await get_session(request)
    session["second_factor"] = True
    gate.sessions.renew(session, user.generation + 1)
    return _codes_page(request, codes)


@needs(Role.VIEWER)
async def switch_off(request: web.Request) -> web.StreamResponse:
    """POST /admin/account/second-factor/off: the password alone is enough again."""
    user_id = _enrolled(request)
    if refusal := await _wrong_password(request):
        return refusal
    async with request.app[DATABASE].begin() as connection:
        await dashboard_users.drop_second_factor(connection, user_id)
        await _log(request, connection, AuditAction.FACTOR_SWITCHED_OFF)
    generation = request[USER].generation + 1
    request.app[GATE].sessions.renew(await get_session(request), generation)
    raise back(request, "second-factor-off")


@needs(Role.VIEWER)
async def make_recovery_codes(request: web.Request) -> web.StreamResponse:
    """POST /admin/account/recovery-codes: the old ones are good no more."""
    user_id = _enrolled(request)
    if refusal := await _wrong_password(request):
        return refusal
    codes = recovery_codes.new_codes()
    hashes = [recovery_codes.code_hash(code) for code in codes]
    async with request.app[DATABASE].begin() as connection:
        await dashboard_users.set_recovery_codes(connection, user_id, hashes)
        await _log(request, connection, AuditAction.RECOVERY_CODES_MADE)
    return _codes_page(request, codes)


async def _wrong_password(request: web.Request) -> web.Response | None:
    return await check_own_password(request, (await read_form(request)).get("current", ""))


def _enrolling(request: web.Request) -> tuple[int, str]:
    """The user's id, and the encrypted secret that is not confirmed yet. Raises HTTPConflict."""
    user, factor = request[USER], request.app[GATE].second_factor
    if user.id is None or user.totp_secret is None:
        raise web.HTTPConflict
    if user.has_second_factor or factor.shown(user) is None:
        raise web.HTTPConflict
    return user.id, user.totp_secret


def _enrolled(request: web.Request) -> int:
    """The id of the user, who has a second factor. Raises HTTPConflict."""
    user = request[USER]
    if user.id is None or not user.has_second_factor:
        raise web.HTTPConflict
    return user.id


def _secret_page(request: web.Request, status: int = 200, wrong: str = "") -> web.Response:
    user, factor = request[USER], request.app[GATE].second_factor
    secret = None if user.has_second_factor else factor.shown(user)
    if secret is None:
        return account_page(request, 409)
    return page(
        request,
        "second_factor.html",
        status,
        secret=" ".join(secret[place : place + 4] for place in range(0, len(secret), 4)),
        uri=one_time_codes.provisioning_uri(secret, user.name),
        wrong=wrong,
    )


def _codes_page(request: web.Request, codes: Sequence[str]) -> web.Response:
    return page(request, "recovery_codes.html", codes=codes)


async def _log(request: web.Request, connection: AsyncConnection, action: AuditAction) -> None:
    made = entry(request, action, f"user:{request[USER].name}")
    await audit_log.append(connection, [made])
