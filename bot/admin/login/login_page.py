"""The pages of a login, with cookies that only they get."""

from __future__ import annotations

import re
import secrets

from aiohttp import web
from yarl import URL

from bot.admin.login import devices
from bot.admin.login.auth import GATE
from bot.admin.login.identity import HAS_PROVIDER, LOGIN_COOKIE
from bot.admin.login.sessions import PREFIX
from bot.admin.web.language import translate as _
from bot.admin.web.pages import page

_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)


def login_page(
    request: web.Request,
    target: URL,
    status: int = 200,
    sentence: str = "",
    *,
    template: str = "login.html",
) -> web.Response:
    """A page with a form and its token; ``target``: the page after the login."""
    token = request.cookies.get(LOGIN_COOKIE, "")
    if not _TOKEN.fullmatch(token):
        token = secrets.token_urlsafe(32)
    response = page(
        request,
        template,
        status,
        token=token,
        target=target,
        sentence=sentence,
        has_provider=request.app[HAS_PROVIDER],
    )
    set_login_cookie(request, response, LOGIN_COOKIE, token)
    return response


def throttled_page(
    request: web.Request, target: URL, wait_s: int, *, template: str = "login.html"
) -> web.Response:
    """The same, after too many tries."""
    sentence = _(
        "로그인을 너무 많이 시도했습니다. {seconds}초 뒤에 다시 시도해 주세요.", seconds=wait_s
    )
    response = login_page(request, target, 429, sentence, template=template)
    response.headers["Retry-After"] = str(wait_s)
    return response


def remember_device(request: web.Request, response: web.StreamResponse, user: str) -> None:
    """Give the browser tries of its own for the user's next logins."""
    cookie = request.app[GATE].devices.new_cookie(user)
    set_login_cookie(request, response, devices.COOKIE, cookie, max_age=devices.MAX_AGE_S)


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


def set_login_cookie(
    request: web.Request,
    response: web.StreamResponse,
    name: str,
    value: str,
    *,
    max_age: int | None = None,
    samesite: str = "Strict",
) -> None:
    """A cookie that only the pages of a login get."""
    response.set_cookie(
        name,
        value,
        max_age=max_age,
        path=str(request.app.router["login"].url_for()),
        secure=request.app[GATE].is_https(request),
        httponly=True,
        samesite=samesite,
    )
