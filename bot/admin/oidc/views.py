"""The two ends of a login by the provider: away to it, and back."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from urllib.parse import urlencode

import structlog
from aiohttp import web

from bot.admin.login.access import public
from bot.admin.login.auth import GATE
from bot.admin.login.login_page import login_page, own_path, set_login_cookie, throttled_page
from bot.admin.login.views import begin_session
from bot.admin.oidc.errors import SENTENCES, Fault, OidcError
from bot.admin.oidc.id_token import Expected, read_id_token
from bot.admin.oidc.linking import Person, link
from bot.admin.oidc.login_state import COOKIE, MAX_AGE_S, LoginState, StateCookies
from bot.admin.oidc.provider import Provider
from bot.admin.oidc.roles import RoleRules
from bot.admin.web.audit import TRAIL, entry, try_to_record
from bot.admin.web.language import translate as _
from bot.admin.web.pages import DATABASE
from bot.domain.audit import AuditAction
from bot.domain.dashboard_users import DashboardUser

log = structlog.get_logger(__name__)

_SCOPES = "openid profile email"
#: Longer codes and states are none of the provider's.
_MAX_CHARS = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Oidc:
    """What a login by the provider needs."""

    provider: Provider
    cookies: StateCookies
    rules: RoleRules
    redirect_uri: str


OIDC = web.AppKey("OIDC", Oidc)


@public
async def begin(request: web.Request) -> web.StreamResponse:
    """GET /admin/login/oidc: lead to the provider."""
    oidc = _oidc(request)
    login = LoginState.new(str(own_path(request.query.get("next", ""))))
    try:
        metadata = await oidc.provider.metadata()
    except OidcError as error:
        return await _refuse(request, error)
    asked = {
        "response_type": "code",
        "client_id": oidc.provider.client_id,
        "redirect_uri": oidc.redirect_uri,
        "scope": _SCOPES,
        "state": login.state,
        "nonce": login.nonce,
        "code_challenge": login.challenge,
        "code_challenge_method": "S256",
    }
    glue = "&" if "?" in metadata.authorization_endpoint else "?"
    response = web.HTTPSeeOther(f"{metadata.authorization_endpoint}{glue}{urlencode(asked)}")
    _set_cookie(request, response, oidc.cookies.seal(login), max_age=MAX_AGE_S)
    raise response


@public
async def come_back(request: web.Request) -> web.StreamResponse:
    """GET /admin/login/oidc/callback: log the person in whom the provider vouches for."""
    gate, target = request.app[GATE], own_path("")
    caller = gate.caller(request, "")
    if wait := gate.throttle.wait_s(caller):
        return throttled_page(request, target, wait)
    try:
        login = _login_of(request)
        user = await _user(request, login)
    except OidcError as error:
        response = await _refuse(request, error)
    else:
        gate.throttle.forgive(caller)
        response = await begin_session(request, user, own_path(login.target), factor="oidc")
    _set_cookie(request, response, "", max_age=0)
    if isinstance(response, web.HTTPException):
        raise response
    return response


def _login_of(request: web.Request) -> LoginState:
    """The login that this redirect ends. Raises OidcError."""
    oidc, query = _oidc(request), request.query
    login = oidc.cookies.open(request.cookies.get(COOKIE, ""))
    if login is None or not login.is_of(query.get("state", "")[:_MAX_CHARS]):
        raise OidcError(Fault.STATE)
    # RFC 9207: which provider has answered.
    if "iss" in query and query["iss"] != oidc.provider.issuer:
        raise OidcError(Fault.ISSUER)
    if "error" in query:
        raise OidcError(Fault.DENIED)
    return login


async def _user(request: web.Request, login: LoginState) -> DashboardUser:
    """The user of the person who has logged in at the provider. Raises OidcError."""
    oidc, code = _oidc(request), request.query.get("code", "")
    if not code or len(code) > _MAX_CHARS:
        raise OidcError(Fault.DENIED)
    provider = oidc.provider
    if (await provider.metadata()).sends_issuer and "iss" not in request.query:
        raise OidcError(Fault.ISSUER)
    tokens = await provider.redeem(code, login.verifier, oidc.redirect_uri)
    expected = Expected(
        issuer=provider.issuer,
        client_id=provider.client_id,
        nonce=login.nonce,
        now=int(provider.now()),
    )
    claims = read_id_token(tokens, await provider.keys(), expected)
    role = oidc.rules.role_of(claims)
    if role is None:
        raise OidcError(Fault.NO_ROLE, subject=str(claims["sub"])[:_MAX_CHARS])
    person = Person(issuer=provider.issuer, claims=claims, role=role)
    async with request.app[DATABASE].begin() as connection:
        return await link(
            connection,
            person,
            is_taken=request.app[GATE].accounts.is_first_admin,
            entry=partial(entry, request),
        )


async def _refuse(request: web.Request, error: OidcError) -> web.StreamResponse:
    """The login page, which says why; and a row of the audit log."""
    details = {"oidc": error.fault.value, "subject": error.subject}
    log.warning("admin_oidc_refused", fault=error.fault.value)
    refused = entry(request, AuditAction.LOGIN_REFUSED, actor="", details=details)
    await try_to_record(refused, request.app[TRAIL])
    status = 503 if error.fault in (Fault.UNREACHABLE, Fault.METADATA) else 403
    return login_page(request, own_path(""), status, _(SENTENCES[error.fault]))


def _oidc(request: web.Request) -> Oidc:
    if OIDC not in request.app:
        raise web.HTTPNotFound
    return request.app[OIDC]


def _set_cookie(
    request: web.Request, response: web.StreamResponse, value: str, *, max_age: int
) -> None:
    # Lax: it must come along from the provider's site.
    set_login_cookie(request, response, COOKIE, value, max_age=max_age, samesite="Lax")
