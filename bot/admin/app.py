"""The operators' dashboard, a sub-application that is closed by default."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from aiohttp import web
from aiohttp_session import session_middleware
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.admin.alerts import views as alert_views
from bot.admin.alerts.channels import channel_names
from bot.admin.charts import views as charts
from bot.admin.dead_letters import views as dead_letters
from bot.admin.live import views as live
from bot.admin.live.feed import LiveFeed
from bot.admin.login import auth
from bot.admin.login.access import public
from bot.admin.login.devices import Devices
from bot.admin.login.ended_sessions import EndedSessions
from bot.admin.login.password import Password
from bot.admin.login.sessions import MAX_AGE_S, PREFIX, CookieStorage, Sessions
from bot.admin.login.throttle import Throttle
from bot.admin.turns import views
from bot.admin.web import pages
from bot.admin.workers import views as workers_page
from bot.settings import Settings
from bot.workers import WorkerRegistry

__all__ = ["PREFIX", "create_admin"]


def create_admin(
    settings: Settings,
    database: AsyncEngine,
    messenger_labels: Mapping[str, str],
    *,
    workers: WorkerRegistry,
    clock: Callable[[], float] = time.time,
) -> web.Application:
    """The dashboard, to be mounted at ``PREFIX``.

    ``messenger_labels``: the Korean name of each messenger, by its name in the tables.
    ``workers``: those that a page shows. ``clock``: seconds since the epoch, for the ages of
    sessions and the rate of logins. Raises ValueError for a malformed argon2 hash. A password in
    plain text takes a quarter of a second to hash.
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
    app[workers_page.WORKERS] = workers
    app[alert_views.CHANNEL_NAMES] = channel_names(settings)
    app[views.MESSENGER_LABELS] = dict(messenger_labels)
    app[live.FEED] = LiveFeed(database, dict(messenger_labels))
    app.on_shutdown.append(live.end_streams)
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
    web.post("/turns/{id}/send-again", views.send_again, name="send_again"),
    web.get("/charts", charts.show_charts, name="charts"),
    web.get("/charts/{name}", charts.show_chart, name="chart"),
    web.get("/alerts", alert_views.show_alerts, name="alerts"),
    web.post("/alerts/{name}/acknowledge", alert_views.acknowledge, name="alert_acknowledge"),
    web.post("/alerts/{name}/silence", alert_views.silence, name="alert_silence"),
    web.get("/live", live.show_live, name="live"),
    web.get("/live/events", live.stream_events, name="live_events"),
    web.get("/workers", workers_page.show_workers, name="workers"),
    web.get("/dead-letters", dead_letters.show_dead_letters, name="dead_letters"),
    web.post("/dead-letters/send-again", dead_letters.send_all_again, name="dead_letters_send"),
    web.post("/dead-letters/orders/{id}/stop", dead_letters.stop_order, name="dead_letters_stop"),
    web.get("/login", auth.show_login, name="login"),
    web.post("/login", auth.log_in),
    web.post("/logout", auth.log_out, name="logout"),
    web.get("/static/{name}", pages.static_file, name="static"),
]
