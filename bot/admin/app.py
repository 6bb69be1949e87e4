"""The operators' dashboard, a sub-application that is closed by default."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping

from aiohttp import web
from aiohttp_session import session_middleware
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.admin.alerts import views as alert_views
from bot.admin.alerts.channels import channel_names
from bot.admin.bot_settings.inherited import DEPLOYMENT, Deployment
from bot.admin.bot_settings.sandbox import views as sandbox
from bot.admin.bot_settings.sandbox.chat import Sandbox
from bot.admin.exported_lists import exported_lists
from bot.admin.exports.lists import LISTS
from bot.admin.live import views as live
from bot.admin.live.feed import LiveFeed
from bot.admin.login import auth
from bot.admin.login.accounts import Accounts
from bot.admin.login.devices import Devices
from bot.admin.login.ended_sessions import EndedSessions
from bot.admin.login.form_tokens import FormTokens
from bot.admin.login.identity import HAS_PROVIDER
from bot.admin.login.password import Password
from bot.admin.login.second_factor import SecondFactor
from bot.admin.login.sessions import MAX_AGE_S, PREFIX, CookieStorage, Sessions
from bot.admin.login.throttle import Throttle
from bot.admin.oidc import views as provider
from bot.admin.oidc.configured import read_oidc
from bot.admin.people import export_view as person_file
from bot.admin.reading.keys import ObjectKeys
from bot.admin.reading.parts import DISPLAY, KEYS, AnswerDisplay
from bot.admin.retention import views as retention
from bot.admin.routes import ROUTES
from bot.admin.turns import views
from bot.admin.unmasking.unmasked import UNMASKED, Unmasked
from bot.admin.web import audit, language, pages
from bot.admin.web.rendering import rendered
from bot.admin.workers import views as workers_page
from bot.conversation.prompt import PromptBuilder
from bot.privacy.audit_trail import AuditTrail
from bot.privacy.masking_thread import prepare_masking
from bot.settings import Settings, split_keys
from bot.workers import WorkerRegistry

__all__ = ["PREFIX", "create_admin"]


def create_admin(
    settings: Settings,
    database: AsyncEngine,
    messenger_labels: Mapping[str, str],
    *,
    workers: WorkerRegistry,
    max_new_tokens: Mapping[str, int] | None = None,
    display: AnswerDisplay | None = None,
    clock: Callable[[], float] = time.time,
) -> web.Application:
    """The dashboard, to be mounted at ``PREFIX``.

    ``messenger_labels``: the Korean name of each messenger, by its name in the tables.
    ``workers``: those that a page shows. ``max_new_tokens``: the messengers' maximum length of an
    answer. ``display``: how answers looked; None: as they are stored. ``clock``: seconds since the
    epoch, for the ages of sessions and the rate of logins. Raises ValueError for a malformed
    argon2 hash. A password in plain text takes a quarter of a second to hash.
    """
    password = Password(settings.admin_user, settings.admin_password.get_secret_value())
    session_key = password.session_key()
    # Changes and their entries in the audit log are one transaction, whatever the engine's default.
    database = database.execution_options(isolation_level="READ COMMITTED")
    gate = _gate(settings, database, password, session_key, clock)
    app = web.Application(
        middlewares=[
            language.from_browser,
            rendered,
            session_middleware(CookieStorage(session_key, gate.is_https)),
            pages.with_error_pages,
            auth.closed_by_default,
            auth.login_required,
            auth.role_required,
            auth.csrf_checked,
        ]
    )
    app[auth.GATE] = gate
    app[pages.DATABASE] = database
    app[audit.TRAIL] = AuditTrail(database)
    app[audit.BEHIND_PROXY] = settings.admin_behind_proxy
    _add_provider(app, read_oidc(settings, clock))
    app[retention.AUDIT_DAYS] = settings.audit_retention_days
    app[person_file.DOWNLOADS] = asyncio.Semaphore(person_file.MAX_DOWNLOADS)
    app[UNMASKED] = Unmasked(clock)
    app[workers_page.WORKERS] = workers
    prompts = PromptBuilder.configured(settings, workers, max_new_tokens=max_new_tokens or {})
    _add_bot_settings(app, settings, prompts)
    app[DISPLAY] = display or AnswerDisplay()
    app[KEYS] = ObjectKeys(session_key)
    app[alert_views.CHANNEL_NAMES] = channel_names(settings)
    app[views.MESSENGER_LABELS] = dict(messenger_labels)
    app[LISTS] = exported_lists(messenger_labels)
    app[live.FEED] = LiveFeed(database, dict(messenger_labels))
    app.on_startup.append(_prepare)
    app.on_shutdown.append(live.end_streams)
    app.on_response_prepare.append(pages.harden)
    app.router.add_routes(ROUTES)
    pages.set_up_templates(app)
    return app


async def _prepare(_app: web.Application) -> None:
    prepare_masking()


def _add_provider(app: web.Application, oidc: provider.Oidc | None) -> None:
    app[HAS_PROVIDER] = oidc is not None
    if oidc:
        app[provider.OIDC] = oidc


def _add_bot_settings(app: web.Application, settings: Settings, prompts: PromptBuilder) -> None:
    app[DEPLOYMENT] = Deployment(settings, prompts)
    database = app[pages.DATABASE]
    app[sandbox.SANDBOX] = Sandbox(database, prompts, history_turns=settings.history_turns)


def _gate(
    settings: Settings,
    database: AsyncEngine,
    password: Password,
    session_key: bytes,
    clock: Callable[[], float],
) -> auth.Gate:
    return auth.Gate(
        accounts=Accounts(database, password),
        sessions=Sessions(
            EndedSessions(database, clock, lifetime_s=MAX_AGE_S), clock, FormTokens(session_key)
        ),
        throttle=Throttle(clock),
        devices=Devices(session_key, clock),
        second_factor=SecondFactor(split_keys(settings.admin_secret_keys), clock),
        behind_proxy=settings.admin_behind_proxy,
    )
