"""How long turns are kept: the rules, and the daily deletion as it goes on."""

from __future__ import annotations

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.admin.login.access import needs
from bot.admin.login.identity import USER
from bot.admin.retention.form import BadRule, Scope, read_days
from bot.admin.turns.views import MESSENGER_LABELS
from bot.admin.web import labels
from bot.admin.web.audit import entry
from bot.admin.web.forms import read_form, read_reason
from bot.admin.web.language import translate as _
from bot.admin.web.pages import DATABASE, error_page, page
from bot.domain.audit import AuditAction
from bot.domain.dashboard_users import Role
from bot.store import audit_log, retention, retention_rules
from bot.store.retention_rules import MAX_RULES, RetentionRule

#: The days that the audit log is kept (BOT_AUDIT_RETENTION_DAYS).
AUDIT_DAYS = web.AppKey("AUDIT_DAYS", int)
RUNS = 7
#: What the log says instead of days.
_FOREVER, _NO_RULE = "forever", "none"


@needs(Role.ADMIN)
async def show_retention(request: web.Request) -> web.StreamResponse:
    """GET /admin/retention: the rules and the newest runs."""
    return await _retention_page(request)


@needs(Role.ADMIN, keeps_text=True)
async def set_rule(request: web.Request) -> web.StreamResponse:
    """POST /admin/retention: a rule, in place of the one of the same scope."""
    form, messengers = await read_form(request), request.app[MESSENGER_LABELS]
    try:
        scope, days = Scope.parse(form, messengers), read_days(form)
    except BadRule as error:
        return await _retention_page(request, 400, _(str(error)))
    by = request[USER].name
    async with request.app[DATABASE].begin() as connection:
        before = await retention_rules.find_rule(connection, scope.messenger, scope.tenant)
        stored = await retention_rules.set_rule(
            connection, scope.messenger, scope.tenant, days, by=by
        )
        if stored:
            await _log(request, connection, scope, before, _days(days))
    if not stored:
        return await _retention_page(request, 409, _(_TOO_MANY, count=MAX_RULES))
    raise web.HTTPSeeOther(request.app.router["retention"].url_for())


@needs(Role.ADMIN)
async def delete_rule(request: web.Request) -> web.StreamResponse:
    """POST /admin/retention/delete: the more general rule counts again."""
    form = await read_form(request)
    try:
        # Also of a messenger that is not switched on any more.
        scope = Scope.parse(form, {form.get("messenger", "")})
    except BadRule as error:
        return await _retention_page(request, 400, _(str(error)))
    async with request.app[DATABASE].begin() as connection:
        before = await retention_rules.find_rule(connection, scope.messenger, scope.tenant)
        if before is None:
            return error_page(request, 404, _("해당 보관 기간을 찾을 수 없습니다."))
        await retention_rules.drop_rule(connection, scope.messenger, scope.tenant)
        await _log(request, connection, scope, before, _NO_RULE)
    raise web.HTTPSeeOther(request.app.router["retention"].url_for())


_TOO_MANY = "보관 기간은 {count}개까지 정할 수 있습니다. 쓰지 않는 것을 지워 주세요."


async def _log(
    request: web.Request,
    connection: AsyncConnection,
    scope: Scope,
    before: RetentionRule | None,
    after: str,
) -> None:
    changed = entry(
        request,
        AuditAction.RETENTION_CHANGED,
        f"retention:{scope}",
        reason=await read_reason(request),
        details={"before": _days(before.days) if before else _NO_RULE, "after": after},
    )
    await audit_log.append(connection, [changed])


def _days(days: int | None) -> str:
    return _FOREVER if days is None else str(days)


async def _retention_page(
    request: web.Request, status: int = 200, sentence: str = ""
) -> web.Response:
    async with request.app[DATABASE].connect() as connection:
        rules = await retention_rules.list_rules(connection)
        runs = await retention.newest_runs(connection, limit=RUNS)
    messengers = request.app[MESSENGER_LABELS]
    return page(
        request,
        "retention.html",
        status,
        rules=rules,
        runs=runs,
        messengers=labels.translated(messengers),
        audit_days=request.app[AUDIT_DAYS],
        sentence=sentence,
    )
