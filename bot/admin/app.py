"""The operators' dashboard, a sub-application that is closed by default."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from aiohttp import web
from aiohttp_session import session_middleware
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.admin.login import auth
from bot.admin.login.access import public
from bot.admin.login.devices import Devices
from bot.admin.login.ended_sessions import EndedSessions
from bot.admin.login.password import Password
from bot.admin.login.sessions import MAX_AGE_S, PREFIX, CookieStorage, Sessions
from bot.admin.login.throttle import Throttle
from bot.admin.search import saved_views
from bot.admin.search import views as search_views
from bot.admin.turns import views
from bot.admin.web import pages
from bot.settings import Settings

__all__ = ["PREFIX", "create_admin"]


def create_admin(
    settings: Settings,
    database: AsyncEngine,
    messenger_labels: Mapping[str, str],
    *,
    clock: Callable[[], float] = time.time,
) -> web.Application:
    """The dashboard, to be mounted at ``PREFIX``.

    ``messenger_labels``: the Korean name of each messenger, by its name in the tables. ``clock``:
    seconds since the epoch, for the ages of sessions and the rate of logins. Raises ValueError
    for a malformed argon2 hash. A password in plain text takes a quarter of a second to hash.
    """
    password = Password(settings.admin_user, settings.admin_password.get_secret_value())
    session_key = password.session_key()
    gate = auth.Gate(
        password=password,
        sessions=Sessions(EndedSessions(database, clock, lifetime_s=MAX_AGE_S), clock),
        throttle=Throttle(clock),
        devices=Devices(session_key, clock),
        behind_proxy=settings.admin_behind_proxy,
    )
    app = web.Application(
        middlewares=[
            session_middleware(CookieStorage(session_key, gate.is_https)),
            pages.with_error_pages,
            auth.closed_by_default,
            auth.login_required,
            auth.csrf_checked,
        ]
    )
    app[auth.GATE] = gate
    app[pages.DATABASE] = database
    app[saved_views.OWNER] = settings.admin_user
    app[views.MESSENGER_LABELS] = dict(messenger_labels)
    app.on_response_prepare.append(pages.harden)
    app.router.add_routes(_ROUTES)
    pages.set_up_templates(app)
    return app


@public
async def _to_first_page(_request: web.Request) -> web.StreamResponse:
    """GET /admin: redirect to the one address of the first page."""
    raise web.HTTPPermanentRedirect(PREFIX)


_ROUTES = [
    web.get("", _to_first_page),
    web.get("/", views.show_turns, name="turns"),
    web.get("/conversations/{id}", views.show_conversation, name="conversation"),
    web.get("/search/suggestions", search_views.show_suggestions, name="suggestions"),
    web.post("/searches", saved_views.save_search, name="save_search"),
    web.post("/searches/{id}/delete", saved_views.delete_search, name="delete_search"),
    web.post("/turns/{id}/send-again", views.send_again, name="send_again"),
    web.get("/login", auth.show_login, name="login"),
    web.post("/login", auth.log_in),
    web.post("/logout", auth.log_out, name="logout"),
    web.get("/static/{name}", pages.static_file, name="static"),
]
