"""The page of the alerts: what fires, who is told, and the forms that acknowledge and silence."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
from aiohttp import web

from bot.admin.alerts.channels import CHANNELS
from bot.admin.alerts.conditions import PAGES, SUBJECTS, AlertName, in_words
from bot.admin.login.access import needs
from bot.admin.web import labels
from bot.admin.web.audit import entry
from bot.admin.web.badges import Badge
from bot.admin.web.forms import read_form
from bot.admin.web.language import translate as _
from bot.admin.web.pages import DATABASE, error_page, page
from bot.domain.audit import AuditAction
from bot.domain.dashboard_users import Role
from bot.store import alerts, audit_log
from bot.store.alerts import Alert

log = structlog.get_logger(__name__)

CHANNEL_NAMES = web.AppKey("CHANNEL_NAMES", list[str])
#: The hours of silence that the page offers; 0 ends one.
HOURS = {"0": "알림 다시 켜기", "1": "1시간 끄기", "8": "8시간 끄기", "24": "하루 끄기"}
_NO_ALERT = "해당 알림을 찾을 수 없습니다."
_NOT_FIRING = "울리는 중이 아니거나 이미 확인한 알림입니다."
_BAD_HOURS = "끌 시간을 목록에서 골라 주세요."


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRow:
    """An alert as the page shows it."""

    name: str
    title: str
    state: Badge
    detail: str
    since: datetime | None
    told_at: datetime | None
    silenced_until: datetime | None
    page: str
    can_acknowledge: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenChannel:
    """A channel that takes no messages, as the page shows it."""

    name: str
    detail: str
    since: datetime


@needs(Role.VIEWER)
async def show_alerts(request: web.Request) -> web.StreamResponse:
    """GET /admin/alerts: every kind of alert, and how it stands."""
    async with request.app[DATABASE].connect() as connection:
        known = await alerts.read_alerts(connection)
        failing = await alerts.failing_channels(connection)
    rows = [_row(name, known.get(name)) for name in AlertName]
    channels = [_(name) for name in request.app[CHANNEL_NAMES]]
    hours = labels.translated(HOURS)
    broken = [
        BrokenChannel(name=_(CHANNELS.get(one.name, one.name)), detail=one.detail, since=one.since)
        for one in failing
        if CHANNELS.get(one.name) in request.app[CHANNEL_NAMES]
    ]
    return page(request, "alerts.html", alerts=rows, channels=channels, hours=hours, broken=broken)


@needs(Role.ADMIN)
async def acknowledge(request: web.Request) -> web.StreamResponse:
    """POST /admin/alerts/{name}/acknowledge: somebody sees to it."""
    name = request.match_info["name"]
    if name not in set(AlertName):
        return error_page(request, 404, _(_NO_ALERT))
    async with request.app[DATABASE].begin() as connection:
        changed = await alerts.acknowledge(connection, name)
        if changed:
            act = entry(request, AuditAction.ALERT_ACKNOWLEDGED, f"alert:{name}")
            await audit_log.append(connection, [act])
    if not changed:
        return error_page(request, 409, _(_NOT_FIRING))
    log.info("alert_acknowledged", alert=name)
    raise web.HTTPSeeOther(request.app.router["alerts"].url_for())


@needs(Role.ADMIN)
async def silence(request: web.Request) -> web.StreamResponse:
    """POST /admin/alerts/{name}/silence: tell nothing of it for some hours."""
    name, hours = request.match_info["name"], (await read_form(request)).get("hours", "")
    if name not in set(AlertName):
        return error_page(request, 404, _(_NO_ALERT))
    if hours not in HOURS:
        return error_page(request, 400, _(_BAD_HOURS))
    async with request.app[DATABASE].begin() as connection:
        await alerts.silence(connection, name, hours=int(hours))
        act = entry(
            request, AuditAction.ALERT_SILENCED, f"alert:{name}", details={"hours": int(hours)}
        )
        await audit_log.append(connection, [act])
    log.info("alert_silenced", alert=name, hours=int(hours))
    raise web.HTTPSeeOther(request.app.router["alerts"].url_for())


def _row(name: AlertName, alert: Alert | None) -> AlertRow:
    silenced = alert.silenced_until if alert else None
    fires = alert is not None and alert.since is not None
    return AlertRow(
        name=name.value,
        title=_(SUBJECTS[name]),
        state=_state(alert),
        detail=in_words(name, alert.detail) if alert and fires else "",
        since=alert.since if alert else None,
        told_at=alert.told_at if alert and fires else None,
        silenced_until=silenced if silenced and silenced > datetime.now(UTC) else None,
        page=PAGES[name],
        can_acknowledge=alert is not None and fires and alert.acknowledged_at is None,
    )


def _state(alert: Alert | None) -> Badge:
    if alert is None or alert.since is None:
        return Badge(_("정상"), "✓", "good")
    if alert.acknowledged_at is not None:
        return Badge(_("확인함"), "–", "quiet")
    return Badge(_("울리는 중"), "✕", "bad")
